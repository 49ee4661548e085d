"""Escaping for Markdown and HTML, and pictures inside a page."""

import base64
import io

import numpy as np
from PIL import Image

from wbc.plot.rendering import escape_markdown, mark_code, picture


def test_escape_markdown():
    assert escape_markdown("a|b <i>\n*c* `d` $e$") == r"a\|b \<i\> \*c\* \`d\` \$e\$"


def test_mark_code_escapes_what_is_not_code_and_what_is():
    assert mark_code("<b> `split.<i>`") == "&lt;b&gt; <code>split.&lt;i&gt;</code>"


def test_picture_is_a_jpeg_that_looks_like_the_image():
    pixels = np.full((96, 96, 3), (200, 100, 150), np.uint8)
    address = picture(pixels)
    assert address == picture(pixels)
    content = base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))
    np.testing.assert_allclose(np.asarray(Image.open(io.BytesIO(content))), pixels, atol=3)
