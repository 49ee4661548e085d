"""The common parts of all figures: style, heading, and writing to a file and to a page.

Text in an SVG stays text. A browser then draws letters that DejaVu lacks, and a changed number is one changed line in
`git diff`. A PNG takes such letters from an installed font, if there is one.
"""

import re
import textwrap
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

NARROW = 3.7  # inches of a figure that a phone shows at its natural size; wide screens show several side by side
WIDE = 6.8  # inches of a figure that needs room: a matrix with its names, rows of pictures
LETTER = 0.08  # inches, about the width of a letter of 10 points
# Okabe-Ito colors, distinguishable with every kind of color vision.
BLUE, VERMILION, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
GRAY, SOFT, GRID = "#D0D0D0", "#595959", "#E6E6E6"
HEADING = "heading"  # id of a figure's heading, which `inline` removes
FONT = "DejaVu Sans"
# Fonts for letters that it lacks, on Linux, Windows and macOS: Chinese, Japanese, Korean, Arabic, Devanagari.
OTHER_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "SimHei",
    "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo",
    "Noto Sans Arabic", "Noto Sans Devanagari", "Nirmala UI", "Arial Unicode MS",
)  # fmt: skip
STYLE = {
    "font.family": FONT,  # comes with matplotlib, so its widths are the same on every machine
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.facecolor": "none",
    "grid.color": GRID,
    "figure.facecolor": "white",  # also behind the figure in a dark page
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "white-blood-cells",  # else the ids in an SVG are random
    "text.parse_math": False,  # a class may be called "$a$"
}
styled = matplotlib.style.context(STYLE, after_reset=True)  # after a reset, so that a user's matplotlibrc has no effect
# {drawn color: property of the page's style sheet}, so that a figure follows the light or dark theme.
THEME = {BLACK: "--text", "white": "--card", "#ffffff": "--card", GRAY: "--faint", SOFT: "--soft", GRID: "--line"} | {
    BLUE: "--file",
    VERMILION: "--cell",
    GREEN: "--kept",
}


def new_figure(title: str, key: str, note: str, height: float, width: float = NARROW) -> Figure:
    """Return an empty figure with a heading: the title, the key to the marks, and the note.

    Args:
        height: inches below the heading.
        width: inches.
    """
    letters = width / WIDE  # on a line, relative to a wide figure
    heading: list[tuple[str, dict[str, Any]]] = [
        *((line, {"fontsize": 11, "fontweight": "bold"}) for line in textwrap.wrap(title, int(62 * letters))),
        *((line, {"fontsize": 9, "color": SOFT}) for line in textwrap.wrap(key, int(90 * letters))),
        *((line, {"fontsize": 9, "color": "#A84300"}) for line in textwrap.wrap(note, int(90 * letters))),
    ]
    top = 0.22 * len(heading) + 0.15
    figure = Figure(figsize=(width, height + top), layout="constrained")
    layout_of(figure).set(rect=(0, 0, 1, height / (height + top)), w_pad=0.08, h_pad=0.06)
    for index, (line, style) in enumerate(heading):
        text = figure.text(0.1 / width, 1 - (0.22 * index + 0.1) / (height + top), line, va="top", **style)
        text.set_gid(HEADING)
    return figure


def layout_of(figure: Figure) -> ConstrainedLayoutEngine:
    """Return the layout engine of a figure that `new_figure` made."""
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    return engine


@styled
def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PNG, by the suffix of `path`, without date and version."""
    with warnings.catch_warnings():
        # A browser has the letter for an SVG. A PNG shows a box if no installed font has it.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        if path.suffix == ".png":
            _choose_fonts(figure)
            figure.savefig(path, dpi=120, metadata={"Software": None})  # legible at page width, and small in Git
        else:
            figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _choose_fonts(figure: Figure) -> None:
    """Use installed fonts for text with letters that `FONT` lacks; other text keeps its font."""
    letters = font_manager.get_font(font_manager.findfont(FONT))
    for text in figure.findobj(Text):
        if any(not letters.get_char_index(ord(letter)) for letter in text.get_text() if letter.isprintable()):
            installed = set(font_manager.get_font_names())
            text.set_fontfamily([FONT, *(name for name in OTHER_FONTS if name in installed)])


def inline(figure: Figure, path: Path, name: str) -> str:
    """Return a figure as an SVG element for a page: without heading and background, in the page's colors.

    Args:
        figure: made by `new_figure`.
        path: the SVG file that `save` wrote, so that the figure need not be drawn again.
        name: prefix of every id, so that one page can contain several figures.
    """
    svg = path.read_text(encoding="utf-8")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(rf'<g id="(?:{HEADING}|patch_1)">.*?</g>', "", svg, flags=re.DOTALL)  # patch_1 is the background
    width, height = (72 * inches for inches in figure.get_size_inches())
    below = height * layout_of(figure).get()["rect"][3]
    tag = (
        f'<svg viewBox="0 {height - below:.2f} {width:.2f} {below:.2f}" width="{width / 0.75:.0f}" '
        f'height="{below / 0.75:.0f}" xmlns:xlink="http://www.w3.org/1999/xlink" aria-hidden="true">'
    )
    svg = re.sub(r"<svg[^>]*>", tag, svg, count=1)
    svg = re.sub(r' id="', f' id="{name}-', svg)
    svg = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", svg)
    for color, variable in THEME.items():
        svg = re.sub(rf"(fill|stroke): {color}\b", rf"\1: var({variable})", svg, flags=re.IGNORECASE)
    return svg.strip()


def shorten(name: str, width: int = 22, lines: int = 2) -> str:
    r"""Return `name` on at most `lines` lines of `width` letters each, with an ellipsis if it is longer.

    >>> shorten("lymphocyte, large granular", width=12)
    'lymphocyte,\nlarge granu…'
    """
    if any(unicodedata.east_asian_width(letter) in "WF" for letter in name):
        width //= 2  # such letters are twice as wide
    wrapped = textwrap.wrap(name, width)
    if len(wrapped) > lines:
        rest = " ".join(wrapped[lines - 1 :])
        wrapped = [*wrapped[: lines - 1], rest[: width - 1].rstrip() + "…"]
    return "\n".join(wrapped)


def longest_line(text: str) -> int:
    """Return the number of letters of the longest line of `text`."""
    return max(map(len, text.splitlines()))
