"""How a figure is written: the same bytes whatever the user's settings, and in the colors of the page."""

import re
import warnings

import matplotlib
import pytest

from wbc.plot import drawing, figures


def confusion():
    return figures.confusion(["a", "b"], ["a", "b"], [0, 1], ["a", "b"], "the title", "the note")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("monocyte", "monocyte"),
        ("lymphocyte, large granular", "lymphocyte, large\ngranular"),
        ("x" * 60, "x" * 22 + "\n" + "x" * 21 + "…"),
        ("嗜" * 30, "嗜" * 11 + "\n" + "嗜" * 10 + "…"),
    ],
)
def test_shorten(name, shown):
    assert drawing.shorten(name) == shown


def test_a_users_matplotlib_settings_change_no_byte(tmp_path):
    def draw(path):
        drawing.save(confusion(), path)
        return path.read_bytes()

    plain = draw(tmp_path / "plain.svg")
    with matplotlib.rc_context({"font.size": 20, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert draw(tmp_path / "other.svg") == plain
    assert b"<dc:date>" not in plain and b"Matplotlib v" not in plain and b">the note<" in plain


def inlined(figure, folder, name):
    """A figure as it stands in a page."""
    drawing.save(figure, folder / f"{name}.svg")
    return drawing.inline(figure, folder / f"{name}.svg", name)


def test_in_a_page_a_figure_has_the_pages_colors_no_heading_and_ids_of_its_own(tmp_path):
    svg = inlined(figures.risk_coverage({0.5: 0.0, 1.0: 0.25}, "the title", "the note"), tmp_path, "risk")
    assert svg.startswith("<svg ") and svg.endswith("</svg>")
    assert "the title" not in svg and "the note" not in svg and "most confident first" in svg
    assert "var(--cell)" in svg and "var(--text)" in svg and drawing.VERMILION.lower() not in svg.lower()
    assert all(name.startswith("risk-") for name in re.findall(r' id="([^"]+)"', svg))
    assert all(name.startswith("risk-") for name in re.findall(r"(?:url\(|href=\")#([^)\"]+)", svg))


def test_the_heading_takes_no_room_in_a_page(tmp_path):
    heights = [
        float(
            re.search(r'viewBox="0 \S+ \S+ (\S+)"', inlined(figures.composition({"a": (2, 1)}, title), tmp_path, "x"))[
                1
            ]
        )
        for title in ("short", "a title so long that it takes a second line in a figure which is as narrow as a phone")
    ]
    assert heights[0] == pytest.approx(heights[1])


@pytest.mark.parametrize("name", ["x.png", "x.svg"])
def test_letters_that_the_font_lacks_are_drawn_by_another_where_there_is_one(tmp_path, monkeypatch, name):
    """DejaVu Sans Mono stands for a font of the machine's; a letter that none has draws no warning either."""
    monkeypatch.setattr(drawing, "OTHER_FONTS", ("No Such Font", "DejaVu Sans Mono"))
    with matplotlib.style.context(drawing.STYLE, after_reset=True):
        figure = drawing.new_figure("嗜碱性粒细胞", "basophil", "", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing.save(figure, tmp_path / name)
    families = {text.get_text(): text.get_fontfamily() for text in figure.texts}
    assert families["basophil"] == ["DejaVu Sans"]
    expected = ["DejaVu Sans", "DejaVu Sans Mono"] if name == "x.png" else ["DejaVu Sans"]
    assert families["嗜碱性粒细胞"] == expected
