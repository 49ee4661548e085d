"""Escaping for Markdown and HTML, numbers, and pictures inside a page."""

import base64
import io

import jinja2
import numpy as np
import pytest
from PIL import Image

from wbc.plot import rendering
from wbc.plot.rendering import escape_markdown, percent, picture


def test_escape_markdown():
    assert escape_markdown("a|b <i>\n*c* `d` $e$") == r"a\|b \<i\> \*c\* \`d\` \$e\$"


@pytest.mark.parametrize(
    ("is_html", "expected"),
    [(True, "&lt;b&gt;*x*, 1 &amp; <code>a&lt;b</code>"), (False, r"\<b\>\*x\*, 1 \& `a<b`")],
    ids=["html", "markdown"],
)
def test_values_are_escaped_once_also_through_macros(is_html, expected):
    macro = "{% macro show(name) %}{{ name }}{{ ', ' }}{% endmacro %}"
    text = macro + "{{ show('<b>*x*') }}{{ 1 }} {{ sign }} {{ 'a<b' | code }}"
    environment = rendering._environment(is_html).overlay(loader=jinja2.DictLoader({"page": text}))
    assert environment.get_template("page").render(sign="&") == expected


@pytest.mark.parametrize(("share", "text"), [(0.125, "12\u00a0%"), (0.0, "0\u00a0%"), (1.0, "100\u00a0%"), (None, "–")])
def test_percent_does_not_break(share, text):
    assert percent(share) == text


def test_a_share_that_rounds_to_nothing_is_not_called_nothing():
    assert percent(0.0004, 1) == "less than 0.1\u00a0%"


def test_picture_is_a_jpeg_that_looks_like_the_image():
    pixels = np.full((96, 96, 3), (200, 100, 150), np.uint8)
    address = picture(pixels)
    assert address == picture(pixels)
    content = base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))
    np.testing.assert_allclose(np.asarray(Image.open(io.BytesIO(content))), pixels, atol=3)
