"""Filling the templates of the report: escaping, numbers, and pictures that a page carries in itself."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape
from PIL import Image

from wbc.common.wording import plural
from wbc.plot.comparison import number
from wbc.plot.sentences import percent


def render(template: str, **content: Any) -> str:
    """Fill a template of `wbc/plot/templates`.

    Args:
        template: report.md.j2, or report.html.j2, in which every value is escaped.
        content: what the template names.

    Returns:
        the page as text that ends in a newline.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: str(name).endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plural": plural,
        "number": number,
        "percent": percent,
        "md": escape_markdown,
        "code": mark_code,
    }
    page = environment.get_template(template).render(**content)
    page = re.sub(r" +\n", "\n", page)
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def escape_markdown(text: object) -> str:
    """Return `text` so that GitHub's Markdown shows it as it is, in a table too."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", " ".join(str(text).split()))


def mark_code(text: str) -> Markup:
    """Return `text` for HTML, escaped, with `words in backticks` as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def picture(pixels: npt.NDArray[np.uint8]) -> str:
    """Return an image, uint8 (height, width, 3), as the data: address of a JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
