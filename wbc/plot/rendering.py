"""Rendering of the templates: escaping, numbers, and pictures inside a page."""

import base64
import functools
import io
import re
import textwrap
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape
from PIL import Image

from wbc.common.wording import listed, plural

WORDS = "words.j2"  # macros and labels that the templates share
WIDTH = 120  # characters of a line of Markdown
PROSE = re.compile(r"(> |- |)(?![|#<!>`])(?=.*\S)")  # a line that may be wrapped; its quotation or list mark


def render(template: str, **content: Any) -> str:
    """Fill a template of `wbc/plot/templates`.

    Args:
        template: its name; every value is escaped, for HTML where the name ends in .html.j2, else for Markdown.
        content: the variables of the template.

    Returns:
        the page as text that ends in a newline.
    """
    page = _environment(template.endswith(".html.j2")).get_template(template).render(**content)
    page = re.sub(r"[ \t]+\n", "\n", page)
    page = re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"
    return page if template.endswith(".html.j2") else "".join(map(_wrapped, page.splitlines(keepends=True)))


def word(name: str, *arguments: Any) -> Any:
    """Return a label of words.j2, or the text of one of its macros, unescaped: for the heading of a figure."""
    found = getattr(_environment(True).get_template(WORDS).module, name)
    return str(Markup(found(*arguments)).unescape()).strip() if callable(found) else found


@functools.cache
def _environment(is_html: bool) -> jinja2.Environment:
    """Return the environment of one format; values are escaped once, and the results of macros not again."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=None if is_html else _to_markdown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plural": plural,
        "listed": listed,
        "number": number,
        "percent": percent,
        "count": lambda value: f"{value:,}",
        "sentence": lambda text: text[:1].upper() + text[1:],
        "code": _code_html if is_html else _code_markdown,
    }
    return environment


def number(value: float | None, digits: int = 2) -> str:
    """Return a score as text, and an undefined one (None) as a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share, 0-1, as text with a no-break space; None as a dash. A positive share is not shown as 0."""
    if share is None:
        return "–"
    least = 10.0**-digits
    return f"less than {least:g}\u00a0%" if 0 < 100 * share < least / 2 else f"{100 * share:.{digits}f}\u00a0%"


def escape_markdown(text: object) -> str:
    """Return `text` so that GitHub's Markdown shows it unchanged, in a table too."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", re.sub(r"[^\S\u00a0]+", " ", str(text)))


def picture(pixels: npt.NDArray[np.uint8]) -> str:
    """Return an image, uint8 (height, width, 3), as the data: address of a JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _wrapped(line: str) -> str:
    """Return a line of Markdown on lines of at most `WIDTH` characters, unless it is a table's, a heading or HTML."""
    mark = PROSE.match(line)
    if mark is None or len(line) <= WIDTH + 1:
        return line
    following = mark[1].replace("-", " ")
    return (
        textwrap.fill(line, WIDTH, subsequent_indent=following, break_long_words=False, break_on_hyphens=False) + "\n"
    )


def _to_markdown(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(escape_markdown(value))


def _code_html(text: str) -> Markup:
    return Markup(f"<code>{escape(text)}</code>")


def _code_markdown(text: str) -> Markup:
    return Markup("`" + text.replace("`", "'") + "`")
