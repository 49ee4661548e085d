"""The committed report in a real browser: nothing is loaded, cut off, too small, unreadable, or too long."""

import itertools
import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.imports import ROOT

PAGE = ROOT / "reports/index.html"
SCREENS = [(width, scheme) for width in (1300, 390) for scheme in ("light", "dark")]
HEIGHT = 900  # pixels of a screen


@pytest.fixture(params=SCREENS, ids=lambda screen: f"{screen[0]}-{screen[1]}")
def page(request, open_page):
    """The report on a wide screen and on a phone's, light and dark."""
    return open_page(PAGE, *request.param)


@pytest.fixture
def wide(open_page):
    return open_page(PAGE)


@pytest.fixture
def narrow(open_page):
    return open_page(PAGE, width=390)


def open_everything(page):
    """Unfold everything, and show all ways of scoring at once."""
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    page.add_style_tag(content=".panel { display: block !important; }")


def test_nothing_is_loaded_and_nothing_complained_of(page):
    open_everything(page)
    page.evaluate("[...document.images].forEach(image => image.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert page.evaluate("[...document.images].filter(image => !image.naturalWidth).length") == 0
    assert page.complaints == []
    assert [url for url in page.requested if not url.startswith(("file:", "data:"))] == []


def test_axe_has_nothing_against_it(page):
    open_everything(page)
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def test_the_recommended_estimate_is_on_the_first_screen_of_a_phone(narrow):
    assert "0." in narrow.inner_text(".big")
    box = narrow.locator(".big").bounding_box()
    assert box["y"] + box["height"] < HEIGHT
    column = narrow.locator("td.recommended").first.bounding_box()
    assert column["x"] + column["width"] <= 390


def test_no_visible_table_or_title_is_cut_on_a_phone(narrow):
    for table in narrow.locator(".scroll:visible").all():
        assert table.evaluate("box => box.scrollWidth - box.clientWidth") <= 1, table.get_attribute("aria-label")
    for caption in narrow.locator("caption:visible").all():
        box = caption.bounding_box()
        assert box["x"] + box["width"] <= 390


def test_a_number_and_its_percent_sign_are_on_one_line(narrow):
    assert not re.search(r"\d %", narrow.inner_text("main")), "a breaking space"


def test_headers_of_the_confusion_matrix_do_not_touch(page):
    boxes = [name.bounding_box() for name in page.locator(".panel.crossval .matrix thead th span").all()]
    assert boxes and "predicted" in page.inner_text(".panel.crossval .matrix .axis")
    for left, right in itertools.pairwise(boxes):
        assert left["x"] + left["width"] + 3 <= right["x"]


def test_the_page_is_as_wide_as_the_screen_and_a_figures_letters_are_legible(narrow):
    open_everything(narrow)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    smallest = narrow.evaluate(
        """Math.min(...[...document.querySelectorAll('figure svg text')].map(
           text => parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getBoundingClientRect().width
                   / text.ownerSVGElement.viewBox.baseVal.width))"""
    )
    assert smallest >= 10


def test_the_first_screen_answers_how_good_how_much_leaks_and_what_simple_methods_reach(wide):
    cards = wide.locator(".first > section")
    assert [card.locator("h2").inner_text() for card in cards.all()] == [
        "Recommended estimate",
        "Leakage in a split by file",
        "Simple baselines",
    ]
    boxes = [card.bounding_box() for card in cards.all()]
    assert all(box["y"] + box["height"] <= HEIGHT and box["x"] + box["width"] <= 1300 for box in boxes)
    assert len({box["y"] for box in boxes}) == 1 and len({box["height"] for box in boxes}) == 1
    for table in wide.locator(".scroll:visible").all():
        assert table.evaluate("box => box.scrollWidth - box.clientWidth") <= 1, "cut off"


def test_it_is_short(wide):
    assert wide.evaluate("document.documentElement.scrollHeight") <= 5 * HEIGHT
    assert len([word for word in wide.inner_text("body").split() if any(map(str.isalpha, word))]) <= 900


def test_a_square_of_the_confusion_matrix_shows_its_images(wide):
    square = wide.locator(".panel.crossval button.square").nth(1)
    shown = wide.locator(f"#{square.get_attribute('popovertarget')}")
    assert not shown.is_visible()
    square.click()
    assert shown.is_visible()
    assert shown.locator("img").count() >= 1
    assert shown.locator("img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 20
    wide.keyboard.press("Escape")
    assert not shown.is_visible()


def test_another_way_of_scoring_takes_the_first_ones_place(wide):
    assert wide.locator(".panel:visible").count() == 1
    wide.check("#show-image")
    assert wide.locator(".panel:visible").count() == 1
    assert "split by file" in wide.locator(".panel:visible caption").first.inner_text()


def test_it_prints_on_few_pages(wide):
    pages = re.findall(rb"/Type\s*/Page\b(?!s)", wide.pdf(format="A4"))
    assert 1 <= len(pages) <= 6
