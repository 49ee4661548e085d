"""The command on a project whose classifier names the color of an image."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import color_classifier
from tests.color_classifier import CLASSES, COLORS
from tools import predict
from tests.imports import ROOT
from wbc.predict.classifier import Classifier


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with what was shipped, and images of each color and of none."""
    root = tmp_path_factory.mktemp("predict")
    color_classifier.ship(root)
    new = root / "new"
    new.mkdir()
    for name, color in zip(CLASSES, COLORS, strict=True):
        Image.new("RGB", (20, 30), color).save(new / f"{name}.png")
    Image.new("RGB", (20, 20), (130, 130, 10)).save(new / "between.png")
    Image.new("RGB", (20, 20), (255, 255, 255)).save(new / "white.png")
    (new / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (new / "text.png").write_text("no image")
    (new / "notes.txt").write_text("passed over")
    return root


@pytest.fixture
def run(project, monkeypatch, capsys):
    """A function that runs the command with arguments; returns (exit status, rows, what it said)."""
    monkeypatch.chdir(project)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["predict", *map(str, arguments)])
        try:
            predict.main()
            status = 0
        except SystemExit as end:
            status = 1 if isinstance(end.code, str) else end.code
            message = end.code if isinstance(end.code, str) else ""
        else:
            message = ""
        printed = capsys.readouterr()
        return status, list(csv.DictReader(io.StringIO(printed.out))), printed.err + message

    return call


def by_name(rows):
    return {Path(row["path"]).name: row for row in rows}


def test_a_folder_gives_a_row_per_image_and_its_faults_an_exit_status(run):
    status, rows, said = run("new")
    assert status == 1
    assert "2 of 7 images could not be read" in said
    rows = by_name(rows)
    assert list(rows) == sorted(rows) and "notes.txt" not in rows
    for name in CLASSES:
        row = rows[f"{name}.png"]
        assert (row["class"], row["set"], row["abstained"], row["error"]) == (name, name, "no", "")
        assert float(row[f"p_{name}"]) > 0.9
    assert rows["between.png"]["abstained"] == "yes"
    assert rows["white.png"]["why"] == "unlike the images that it learned from"
    assert rows["text.png"]["error"].startswith("not a readable image") and rows["text.png"]["class"] == ""
    assert rows["broken.jpg"]["error"]


def test_links_to_folders_are_followed_and_each_folder_is_read_once(run, project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "basophil.png").write_bytes((project / "new/basophil.png").read_bytes())
    (elsewhere / "back").symlink_to("..")  # a circle
    cells = tmp_path / "cells"
    cells.mkdir()
    (cells / "linked").symlink_to(elsewhere)
    (cells / "twice").symlink_to(elsewhere)
    status, rows, _ = run(cells)
    assert (status, [row["path"] for row in rows]) == (0, [str(cells / "linked/basophil.png")])


def test_what_has_no_end_is_a_row_with_its_error(run, project, tmp_path):
    """Read, a pipe without a writer would wait for ever, and a device would fill the memory."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "lost.png").symlink_to("nowhere")
    (tmp_path / "basophil.png").symlink_to(project / "new/basophil.png")
    status, rows, _ = run(tmp_path)
    assert status == 1
    rows = by_name(rows)
    assert rows["basophil.png"]["class"] == "basophil" and not rows["basophil.png"]["error"]
    assert all(
        rows[name]["error"].startswith("it is a pipe, a socket or a device") for name in ("pipe.png", "zero.png")
    )
    assert rows["lost.png"]["error"] == "No such file or directory"
    status, _, said = run(tmp_path / "pipe.png")
    assert status == 1 and "pipe.png is neither a file nor a folder" in said


def test_files_patterns_and_zips_are_read_and_each_image_once(run, project):
    with zipfile.ZipFile(project / "cells.zip", "w") as archive:
        archive.write(project / "new/basophil.png", "deep/down/basophil.png")
        archive.writestr("deep/notes.txt", "passed over")
        archive.writestr("__MACOSX/._basophil.png", "passed over")
    status, rows, _ = run("new/basophil.png", "new/*phil.png", "cells.zip")
    assert status == 0
    assert [row["path"] for row in rows] == [
        "new/basophil.png",
        "new/eosinophil.png",
        "cells.zip/deep/down/basophil.png",
    ]
    assert [row["class"] for row in rows] == ["basophil", "eosinophil", "basophil"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_entry_of_a_zip_is_a_row_with_its_error(run, project, method):
    noise = np.random.default_rng(1).integers(256, size=(64, 64, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise // 8 * 8).save(stream, "BMP")
    with zipfile.ZipFile(project / "damaged.zip", "w", method) as archive:
        archive.writestr("damaged.bmp", stream.getvalue())
        archive.write(project / "new/basophil.png", "basophil.png")
    content = bytearray((project / "damaged.zip").read_bytes())
    content[60:80] = bytes(byte ^ 0xFF for byte in content[60:80])
    (project / "damaged.zip").write_bytes(content)
    status, rows, said = run("damaged.zip")
    assert status == 1 and "1 of 2 images could not be read" in said
    assert rows[0]["error"] and rows[1]["class"] == "basophil"


def test_an_entry_that_python_does_not_read_says_why_and_a_macs_names_keep_their_letters(run, project):
    with zipfile.ZipFile(project / "mac.zip", "w") as archive:
        archive.write(project / "new/basophil.png", "\xfc.png")
        archive.write(project / "new/basophil.png", "a.png")
    content = bytearray((project / "mac.zip").read_bytes())
    for entry, (flags, method, name) in ((b"PK\x03\x04", (6, 8, 30)), (b"PK\x01\x02", (8, 10, 46))):
        at = content.index(entry)
        assert content[at + name : at + name + 2] == "\xfc".encode()
        content[at + flags + 1] &= ~0x08  # "the name is UTF-8", which Macs leave out
        content[content.rindex(entry) + method] = 9
    (project / "mac.zip").write_bytes(content)
    status, rows, _ = run("mac.zip")
    assert status == 1 and rows[0]["path"] == "mac.zip/\xfc.png" and rows[0]["class"] == "basophil"
    assert "Deflate64" in rows[1]["error"]


def test_a_single_file_is_read_whatever_it_is_called(run):
    status, rows, _ = run("new/notes.txt")
    assert status == 1
    assert "not a readable image" in rows[0]["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere doesn't exist"),
        (["new/*.gif"], "Nothing fits the pattern"),
        (["data/features"], "no file that is named as an image"),
        (["new", "--model", "nothing"], "`dvc repro` makes it"),
        (["new", "--html", "data"], "data is a folder, and a file is to be written"),
        (["new", "--html", "page.png"], "page.png doesn't end in .html"),
        (["new", "--output", "out.xlsx"], "out.xlsx doesn't end in .csv or .json or .jsonl"),
    ],
)
def test_what_cannot_be_done_is_said(run, arguments, words):
    status, rows, said = run(*arguments)
    assert status and rows == []
    assert words in said


def test_json_and_files(run, project):
    assert run("new/basophil.png", "new/text.png", "--output", "out.json")[0] == 1
    first, second = json.loads((project / "out.json").read_text())
    assert first["class"] == "basophil" and first["set"] == ["basophil"] and first["abstained"] is False
    assert second["error"] and second["p_basophil"] is None
    assert run("new/basophil.png", "new/text.png", "--output", "out.jsonl")[0] == 1
    assert list(map(json.loads, (project / "out.jsonl").read_text().splitlines())) == [first, second]
    assert run("new/basophil.png", "--output", "out.csv")[0] == 0
    assert by_name(csv.DictReader((project / "out.csv").open()))["basophil.png"]["class"] == "basophil"


def test_the_contact_sheet_shows_every_image_and_escapes_names(run, project):
    name = "new/<img src=x onerror=alert(1)>.png"
    Image.new("RGB", (20, 20), COLORS[0]).save(project / name)
    try:
        run("new", "--output", "out.csv", "--html", "out.html")
    finally:
        (project / name).unlink()
    page = (project / "out.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 2 * 6, "a picture and a map of each that can be read"
    assert "onerror=alert(1)&gt;" in page and "<img src=x" not in page
    assert "8 images: abstained 2, basophil 2, eosinophil 1, lymphocyte 1, not readable 2" in page


def test_a_name_that_a_spreadsheet_would_run_is_quoted(run, project):
    Image.new("RGB", (20, 20), COLORS[0]).save(project / "=1+1.png")
    _, rows, _ = run("=1+1.png")
    assert rows[0]["path"] == "'=1+1.png"


@pytest.mark.parametrize("name", ["backbone.pb", "fold_0_1.npz", "reference.npz"])
def test_a_flipped_bit_in_what_was_shipped_is_refused(run, project, name):
    file = project / "models/deployed" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    try:
        status, _, said = run("new/basophil.png")
    finally:
        file.write_bytes(whole)
    assert status == 1
    assert f"{name} is not the file that was shipped" in said


def test_memory_stays_flat_however_many_images_there_are(project):
    """Only a few images are read before the first answer is given."""
    read = 0

    def sources():
        nonlocal read
        for source in [*listed] * 200:
            read += 1
            yield source

    classifier = Classifier(project / "models/deployed")
    listed = predict.list_sources([str(project / "new/basophil.png"), str(project / "new/text.png")])
    stream = classifier.predict_sources(sources())
    next(stream)
    assert read < 200


def test_a_prediction_does_not_depend_on_the_images_beside_it(project):
    classifier = Classifier(project / "models/deployed")
    alone = list(classifier.predict([str(project / "new/between.png")]))
    together = list(classifier.predict([str(project / "new")]))
    assert alone[0] in together


def test_a_classifier_looks_at_the_middle_and_at_the_whole_by_turns(project, tmp_path):
    """The page of `make app` has one classifier, and a slider for what is looked at."""
    picture = Image.new("RGB", (40, 40), COLORS[0])
    picture.paste(COLORS[1], (10, 10, 30, 30))
    picture.save(tmp_path / "framed.png")
    whole = Classifier(project / "models/deployed")
    middle = whole.cropped(0.5)
    answers = {}
    for classifier in (middle, whole, middle):
        (prediction,) = classifier.predict([str(tmp_path / "framed.png")])
        answers[classifier.crop] = prediction.probabilities
    (told,) = Classifier(project / "models/deployed", 0.5).predict([str(tmp_path / "framed.png")])
    assert answers[0.5] == told.probabilities != answers[1.0]


def test_no_tensorflow_is_imported(project):
    script = (
        "import sys; from wbc.predict.classifier import Classifier; "
        "print([p.label for p in Classifier('models/deployed').predict(['new/basophil.png'])]); "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, cwd=project, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "basophil" in ended.stdout


def test_the_answers_are_those_of_the_heads(project):
    classifier = Classifier(project / "models/deployed")
    (prediction,) = classifier.predict([str(project / "new/eosinophil.png")])
    logits = np.array(COLORS[1]) / 50
    expected = np.exp(logits) / np.exp(logits).sum()
    assert prediction.probabilities == pytest.approx(expected, abs=2e-3)


def test_a_classifier_of_drawn_cells_is_cautioned_against(run, project):
    file = project / "models/deployed/decision.json"
    shipped = file.read_text()
    facts = json.loads(shipped)
    assert (facts["learned_from"], facts["synthetic"]) == ("the images of colors", False)
    assert "drawn" not in run("new/basophil.png", "--html", "out.html")[2]
    assert "drawn" not in (project / "out.html").read_text()
    file.write_text(json.dumps(facts | {"synthetic": True}))
    try:
        status, rows, said = run("new/basophil.png", "--html", "out.html")
    finally:
        file.write_text(shipped)
    assert status == 0 and rows[0]["class"] == "basophil"
    assert "has learned from drawn cells, not from photographs" in said and "`make pretrained`" in said
    assert "has learned from drawn cells, not from photographs" in (project / "out.html").read_text()


def test_cells_shown_much_smaller_than_the_known_ones_are_noted_with_the_crop_that_helps(run, tmp_path):
    picture = Image.new("RGB", (200, 200), (240, 230, 240))
    picture.paste((90, 20, 120), (90, 90, 110, 110))
    picture.save(tmp_path / "small.png")
    status, rows, said = run(tmp_path / "small.png", "--html", tmp_path / "page.html")
    assert (status, len(rows)) == (0, 1)
    assert "The stained part of a cell covers 1.0% of a picture" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "note: The stained part of a cell covers 1.0% of a picture here" in said and "20% to 30%" in said
    crop = said.rsplit("by a crop of ", 1)[1].split()[0]
    assert "note:" not in run(tmp_path / "small.png", "--crop", crop)[2]
