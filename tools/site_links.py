"""Links of the documentation's site to files of the repository: a hook of MkDocs, named in mkdocs.yml.

The pages in docs/ link to code and reports by relative paths, as GitHub requires. The site holds only docs/, so such a
link becomes the file's address in the repository, or plain text if the address is unknown.
"""

import posixpath
import re
from typing import Any

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)")
FENCE = re.compile(r"(```.*?```)", re.DOTALL)


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Return a page whose links out of docs/ lead to the repository."""
    address = (config["repo_url"] or "").rstrip("/")
    pieces = FENCE.split(markdown)
    return "".join(
        piece if number % 2 else outward(piece, posixpath.dirname(page.file.src_uri), address)
        for number, piece in enumerate(pieces)
    )


def outward(text: str, folder: str, address: str) -> str:
    """Return text whose links out of docs/ lead to the repository at `address`; without one, keep only their text.

    >>> outward("[why](a.md), [code](../../wbc/cli.py)", "how-to", "https://example.org/cells")
    '[why](a.md), [code](https://example.org/cells/blob/main/wbc/cli.py)'
    >>> outward("[code](../../wbc/cli.py)", "how-to", "")
    'code'

    Args:
        text: Markdown without fenced code.
        folder: folder of the page, relative to docs/.
        address: address of the repository, or "".
    """

    def replaced(match: re.Match[str]) -> str:
        image, name, target = match.groups()
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if path.split("/")[0] == "docs":
            return match[0]
        if not address:
            return name
        return f"{image}[{name}]({address}/{'raw' if image else 'blob'}/main/{path})"

    return LINK.sub(replaced, text)
