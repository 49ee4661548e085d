"""The page of `wbc app` in a real browser: what it shows, and that it asks no other machine."""

import csv
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

pytest.importorskip("streamlit", reason="`make app-packages` installs it")

from tests import color_package
from tests.color_package import CLASSES, COLORS
from tests.imports import ROOT

EVIL = "![x](https:evil.example/a.png).jpg"  # in Markdown, an image on another server


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with a classifier that names colors."""
    root = tmp_path_factory.mktemp("app")
    color_package.deploy(root)
    return root


@pytest.fixture(scope="module")
def address(root):
    """The page's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "wbc.cli", "app", "--model", "models/deployed", "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(root), "STREAMLIT_SERVER_HEADLESS": "true"}
    with subprocess.Popen(command, cwd=root, env=environment, start_new_session=True) as server:
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
                    break
                except OSError:
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, 15)


@pytest.fixture
def page(address, browser):
    """The page, just opened; `requested` holds the addresses that the browser asked for."""
    context = browser.new_context()
    page = context.new_page()
    page.requested = []
    page.on("request", lambda request: page.requested.append(request.url))
    opened(page, address)
    yield page
    context.close()


def opened(page, address):
    page.goto(address)
    page.locator("input[type=file]").wait_for(state="attached", timeout=60_000)
    return page


def drop(page, *files):
    page.locator("input[type=file]").set_input_files([*files])


def image(path, color):
    Image.new("RGB", (20, 30), color).save(path)
    return path


def upload(path, name):
    """An image under a name that this machine's disk needn't hold."""
    return {"name": name, "mimeType": "image/png", "buffer": path.read_bytes()}


def test_the_page_names_the_classifier_and_shows_counts_pictures_and_probabilities(page, tmp_path):
    shown = page.inner_text("body")
    assert "models/deployed, trained on the images of colors" in shown and "basophil, eosinophil, lymphocyte" in shown
    assert "Score: none recorded" in shown and page.get_by_role("slider").count() == 0
    (tmp_path / "text.png").write_text("no image")
    drop(page, image(tmp_path / "green.png", COLORS[1]), image(tmp_path / "white.png", "white"), tmp_path / "text.png")
    page.get_by_role("heading", name="eosinophil").wait_for(timeout=60_000)
    shown = page.inner_text("body")
    assert "eosinophil 1" in shown and "Abstains 1" in shown and "Not readable 1" in shown
    assert "out of distribution" in shown and "not a readable image" in shown
    assert page.get_by_text("Central crop: lower it if cells look small").count() == 1
    sizes = page.evaluate("[...document.querySelectorAll('img[alt]')].map(i => [i.width, i.height])")
    assert [size for size in sizes if size == [85, 128]] == [[85, 128]] * 4, "a picture and its heat map, of one shape"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save all as a table").click()
    rows = list(csv.DictReader(download.value.path().open(encoding="utf-8", newline="")))
    assert (rows[0]["path"], rows[0]["class"], len(rows)) == ("green.png", "eosinophil", 3)


def test_images_are_filtered_by_class_and_abstention_and_sorted(page, tmp_path):
    drop(
        page,
        *(image(tmp_path / f"{name}.png", color) for name, color in zip(CLASSES, COLORS, strict=True)),
        image(tmp_path / "white.png", "white"),
    )
    page.wait_for_function("document.querySelectorAll('[data-testid=stHtml] h2').length == 4", timeout=60_000)

    def headings():
        return page.locator("[data-testid=stHtml] h2").all_inner_texts()

    assert headings() == [*CLASSES, "Abstains"]
    choose(page, "Order", "Least confident first")
    page.wait_for_function("document.querySelector('[data-testid=stHtml] h2').innerText == 'Abstains'", timeout=30_000)
    choose(page, "Show", "Abstains")
    page.wait_for_function("document.querySelectorAll('[data-testid=stHtml] h2').length == 1", timeout=30_000)
    choose(page, "Show", "Classified")
    page.wait_for_function("document.querySelectorAll('[data-testid=stHtml] h2').length == 3", timeout=30_000)
    choose(page, "Classes", "basophil")
    page.wait_for_function("document.querySelectorAll('[data-testid=stHtml] h2').length == 1", timeout=30_000)
    assert headings() == ["basophil"]


def choose(page, label, option):
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_name_that_is_an_image_elsewhere_is_shown_and_no_request_leaves(page, address, root, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.write(image(tmp_path / "red.png", COLORS[0]), "<img src=https:evil.example/b.png>.png")
    files = [upload(tmp_path / "red.png", EVIL), upload(tmp_path / "red.png", EVIL.replace(".jpg", ".png"))]
    files.append({"name": EVIL + ".zip", "mimeType": "application/zip", "buffer": b"no zip"})
    files.append({"name": "evil.zip", "mimeType": "application/zip", "buffer": (tmp_path / "evil.zip").read_bytes()})
    drop(page, *files)
    page.get_by_text("evil.zip/<img").wait_for(timeout=60_000)
    shown = page.inner_text("body")
    assert EVIL in shown and "can't be read as a zip" in shown
    assert all(url.startswith((address, "data:", "blob:")) for url in page.requested), page.requested


def test_a_strangers_classifier_makes_no_request_either(address, root, browser, tmp_path):
    decision = root / "models/deployed/decision.json"
    shipped = decision.read_text()
    name = "![x](https:evil.example/c.png)"
    decision.write_text(shipped.replace("eosinophil", name).replace("the images of colors", name))
    context = browser.new_context()
    try:
        page = context.new_page()
        requested = []
        page.on("request", lambda request: requested.append(request.url))
        drop(opened(page, address), image(tmp_path / "green.png", COLORS[1]))
        page.get_by_role("heading", name=name).wait_for(timeout=60_000)
        page.get_by_role("combobox", name="Classes").click()
        page.get_by_role("option", name=name).wait_for(timeout=30_000)
        assert all(url.startswith((address, "data:", "blob:")) for url in requested), requested
    finally:
        context.close()
        decision.write_text(shipped)


def test_the_policy_keeps_the_browser_from_asking_other_machines(page, address):
    with urllib.request.urlopen(address) as answer:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    refused = page.evaluate(
        """() => new Promise(resolve => {
            document.addEventListener('securitypolicyviolation', event => resolve(event.blockedURI));
            const image = new Image(); image.src = 'https://evil.example/d.png'; document.body.append(image);
        })"""
    )
    assert refused.startswith("https://evil.example")


@pytest.mark.parametrize(
    "name", ["..", ".", "a\0b.png", "x" * 300 + ".png", "../../etc/passwd", "", "/", "..zip", ".zip"]
)
def test_awkward_names_give_no_traceback(page, tmp_path, name):
    red = image(tmp_path / "red.png", COLORS[0])
    drop(page, upload(red, name), upload(red, "after.png"))
    page.get_by_text("after.png").last.wait_for(timeout=60_000)
    page.get_by_role("heading", name="basophil").first.wait_for(timeout=60_000)
    assert page.locator("[data-testid=stException]").count() == 0


def test_small_cells_are_noted_until_the_middle_is_looked_at(page, tmp_path):
    picture = Image.new("RGB", (200, 200), (240, 230, 240))
    picture.paste((90, 20, 120), (80, 80, 120, 120))
    picture.save(tmp_path / "small.png")
    drop(page, tmp_path / "small.png")
    note = page.get_by_text("The stained part of a cell covers")
    note.wait_for(timeout=60_000)
    assert "by a crop of 0.4" in note.inner_text()
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(12):  # 5 of a hundred each
        slider.press("ArrowLeft")
    note.wait_for(state="detached", timeout=60_000)
    assert page.get_by_text("small.png").count()


def test_two_people_are_answered_at_once(address, browser, tmp_path):
    files = [image(tmp_path / f"{number}.png", COLORS[number % len(COLORS)]) for number in range(30)]
    contexts = [browser.new_context() for _ in range(2)]
    try:
        pages = [opened(context.new_page(), address) for context in contexts]
        for page in pages:
            drop(page, *files)
        for page in pages:
            page.wait_for_function("document.querySelectorAll('[data-testid=stHtml] h2').length == 30", timeout=60_000)
            assert page.locator("[data-testid=stException]").count() == 0
    finally:
        for context in contexts:
            context.close()


def test_a_classifier_made_anew_is_asked_from_then_on(root, address, browser, tmp_path):
    green = image(tmp_path / "green.png", COLORS[1])
    decision = root / "models/deployed/decision.json"
    shipped = decision.read_text()
    context = browser.new_context()
    try:
        page = context.new_page()
        for content, name in ((shipped, "eosinophil"), (shipped.replace("eosinophil", "green cell"), "green cell")):
            decision.write_text(content)
            drop(opened(page, address), green)
            page.get_by_role("heading", name=name).wait_for(timeout=60_000)
    finally:
        context.close()
        decision.write_text(shipped)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_read_it_on_every_screen(address, browser, tmp_path, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page = opened(context.new_page(), address)
        drop(page, image(tmp_path / "green.png", COLORS[1]), image(tmp_path / "white.png", "white"))
        page.get_by_role("heading", name="eosinophil").wait_for(timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ours = Axe().run(page, context={"include": [["[data-testid=stHtml]"]]})
        assert ours.violations_count == 0, ours.generate_report()
    finally:
        context.close()
