"""The page of `make app` in a real browser that reaches nothing but this machine."""

import csv
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from PIL import Image

pytest.importorskip("streamlit", reason="`make app-packages` installs it")

from tests import color_classifier
from tests.color_classifier import COLORS
from tests.imports import ROOT


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with a classifier that names colors."""
    root = tmp_path_factory.mktemp("app")
    color_classifier.ship(root)
    return root


@pytest.fixture(scope="module")
def address(root):
    """The page's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "tools/app.py"), *options]
    command += ["--browser.gatherUsageStats", "false"]
    server = subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(root)})
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def opened(page, address):
    """Open the page; returns the place to drop images on."""
    page.goto(address)
    place = page.locator("input[type=file]")
    place.wait_for(state="attached", timeout=60_000)
    return place


def test_dropped_images_are_named_or_abstained_from(address, browser, tmp_path):
    Image.new("RGB", (20, 30), COLORS[1]).save(tmp_path / "green.png")
    Image.new("RGB", (20, 20), (255, 255, 255)).save(tmp_path / "white.png")
    (tmp_path / "text.png").write_text("no image")
    context = browser.new_context()
    try:
        page = context.new_page()
        requested = []
        page.on("request", lambda request: requested.append(request.url))
        opened(page, address).set_input_files([tmp_path / name for name in ("green.png", "white.png", "text.png")])
        page.get_by_text("not a readable image").wait_for(timeout=60_000)
        shown = page.inner_text("body")
        assert page.get_by_role("heading", name="eosinophil").count() == 1
        assert "green.png. Prediction set: eosinophil" in shown
        assert "It would rather not say: unlike the images that it learned from." in shown
        assert "text.png: not a readable image" in shown
        images = page.locator("[data-testid=stImage] img")
        images.nth(3).wait_for(state="attached", timeout=60_000)  # the browser draws them later than the words
        assert images.count() == 4, "a picture and its heat map of each readable one"
        with page.expect_download() as download:
            page.get_by_role("button", name="Save the answers as a table").click()
        rows = list(csv.DictReader(download.value.path().open(encoding="utf-8", newline="")))
        assert (rows[0]["path"], rows[0]["class"], len(rows)) == ("green.png", "eosinophil", 3)
        assert page.get_by_role("heading", name="eosinophil").count() == 1, "the page stays as it is"
        assert page.get_by_text("covers").count() == 0, "nothing is known of how large the cells of even pictures are"
        assert all(url.startswith((address, address.replace("http", "ws"), "data:", "blob:")) for url in requested)
    finally:
        context.close()


def test_small_cells_are_noted_until_the_middle_is_looked_at(address, browser, tmp_path):
    picture = Image.new("RGB", (200, 200), (240, 230, 240))
    picture.paste((90, 20, 120), (80, 80, 120, 120))
    picture.save(tmp_path / "small.png")
    context = browser.new_context()
    try:
        page = context.new_page()
        opened(page, address).set_input_files([tmp_path / "small.png"])
        note = page.get_by_text("The stained part of a cell covers")
        note.wait_for(timeout=60_000)
        assert "by a crop of 0.4" in note.inner_text()
        slider = page.get_by_role("slider")
        slider.focus()
        for _ in range(12):  # 5 of a hundred each
            slider.press("ArrowLeft")
        note.wait_for(state="detached", timeout=60_000)
        assert "small.png. Prediction set" in page.inner_text("body")
    finally:
        context.close()


def test_two_people_are_answered_at_once(address, browser, tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(30)]
    for number, file in enumerate(files):
        Image.new("RGB", (20, 20), COLORS[number % len(COLORS)]).save(file)
    contexts = [browser.new_context() for _ in range(2)]
    try:
        pages = [context.new_page() for context in contexts]
        for place in [opened(page, address) for page in pages]:  # both before the first has dropped anything
            place.set_input_files(files)
        for page in pages:
            page.get_by_text(f"{files[-1].name}. Prediction set").wait_for(timeout=60_000)
            assert page.locator("[data-testid=stException]").count() == 0
    finally:
        for context in contexts:
            context.close()


def test_a_classifier_made_anew_is_asked_from_then_on(root, address, browser, tmp_path):
    Image.new("RGB", (20, 20), COLORS[1]).save(tmp_path / "green.png")
    decision = root / "models/deployed/decision.json"
    shipped = decision.read_text()
    context = browser.new_context()
    try:
        page = context.new_page()
        for content, name in ((shipped, "eosinophil"), (shipped.replace("eosinophil", "green cell"), "green cell")):
            decision.write_text(content)
            opened(page, address).set_input_files([tmp_path / "green.png"])
            page.get_by_role("heading", name=name).wait_for(timeout=60_000)
    finally:
        context.close()
        decision.write_text(shipped)
