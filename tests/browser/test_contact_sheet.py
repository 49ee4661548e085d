"""The contact sheet of predictions in a real browser."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from wbc.predict.classifier import Prediction
from wbc.predict.contact_sheet import ContactSheet
from wbc.predict.sources import list_sources


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """A sheet of an answered, an abstained and an unreadable image, one of them of an awkward name."""
    folder = tmp_path_factory.mktemp("sheet")
    Image.new("RGB", (40, 30), "purple").save(folder / "a.png")
    Image.new("RGB", (40, 30), "pink").save(folder / "<i>лимфоцит & co.png")
    (folder / "c.png").write_bytes(b"no image")
    said = {
        "a.png": ("basophil", [0.9, 0.1], ["basophil"], 0.1, "", ""),
        "c.png": ("", [], [], float("nan"), "", "the file is not an image"),
    }
    other = ("lymphocyte", [0.4, 0.6], ["basophil", "lymphocyte"], 0.1, "can't tell basophil from lymphocyte", "")
    page = ContactSheet(["basophil", "lymphocyte"], lambda source, label: np.full((12, 12, 3), 99, np.uint8))
    for source in list_sources([str(folder)]):
        page.add(Prediction(source.name, *said.get(source.name.rsplit("/", 1)[1], other), 0.1), source)
    (folder / "sheet.html").write_text(page.html(), encoding="utf-8")
    return folder / "sheet.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_it_stands_alone_and_everybody_can_read_it(open_page, sheet, width, scheme):
    page = open_page(sheet, width, scheme)
    assert page.locator("img").count() == 4, "a picture and a map of each that can be read"
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 10)")
    assert "<i>лимфоцит & co.png" in page.inner_text("body") and "the file is not an image" in page.inner_text("body")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.complaints == [] and all(url.startswith(("file:", "data:")) for url in page.requested)
