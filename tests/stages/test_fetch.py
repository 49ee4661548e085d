"""The stage as a whole: its four files, from each source, and that it changes all of them or none."""

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from stages import fetch
from tests.kaggle_server import kaggle_server
from wbc.fetch.locks import file_lock

TOP = Path(__file__).parents[2]
SETTINGS = {
    "source": "archive",
    "on_bad_image": "stop",
    "on_mask": "stop",
    "archive": "cells",
    "layout": None,
    "labels": None,
    "exclude": None,
    "relabel": None,
    "kaggle": {"dataset": "owner/white-cells", "version": 1, "sha256": None},
    "synthetic": {"seed": 1, "cells_per_class": 2, "copies_per_cell": 2, "image_size": 32},
}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """An empty project folder, in which the stage runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(color, kind="PNG", mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, (10, 12), color).save(buffer, kind)
    return buffer.getvalue()


CELLS = {
    "basophil/1.png": picture("red"),
    "basophil/2.png": picture("blue"),
    "monocyte/1.jpg": picture("green", "JPEG"),
    "monocyte/2.png": picture(90, mode="L"),
}


def put(files, folder="cells"):
    for name, content in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def write_params(**changes):
    Path("params.yaml").write_text(yaml.safe_dump({"fetch": {**SETTINGS, **changes}}))


def run(**changes):
    write_params(**changes)
    fetch.main()
    return json.loads(Path("data/fetch.json").read_text())


def refused(capsys, **changes):
    """Run the stage, which must stop with a message, and return the message."""
    with pytest.raises(SystemExit) as stop:
        run(**changes)
    assert stop.value.code == 1
    return capsys.readouterr().err


def tree(folder="data"):
    """Every file and folder there, hidden ones too, with the content."""
    found = sorted(Path(folder).rglob("*"))
    return {path.as_posix(): path.read_bytes() if path.is_file() else None for path in found}


def manifest():
    return list(csv.DictReader(Path("data/manifest.csv").open(newline="")))


def test_a_folder_arrives_unchanged_with_its_manifest(capsys):
    put({**CELLS, "README.md": b"about"})
    report = run()
    for name, content in CELLS.items():
        assert Path("data/images", name).read_bytes() == content
    assert [row["path"] for row in manifest()] == sorted(CELLS)
    first = {"label": "basophil", "sha256": hashlib.sha256(CELLS["basophil/1.png"]).hexdigest()}
    assert manifest()[0] == {"path": "basophil/1.png", **first, "width": "10", "height": "12"}
    assert Path("data/quarantine").is_dir()
    assert report == {
        "source": "archive",
        "synthetic": False,
        "description": "the images of cells",
        "origin": "cells",
        "sha256": None,
        "images": 4,
        "classes": {"basophil": 2, "monocyte": 2},
        "converted": {"grayscale to RGB": {"count": 1, "examples": ["monocyte/2.png"]}},
        "quarantined": [],
        "ignored": ["README.md"],
        "left_by_systems": [],
        "left_out": [],
        "parts": {},
        "groups": {},
        "merged": {},
        "relabelled": {},
    }
    said = capsys.readouterr().out
    for word in ["4 images", "basophil 2, monocyte 2", "grayscale to RGB, 1 (monocyte/2.png)", "README.md"]:
        assert word in said


@pytest.mark.parametrize("archive", ["cells.zip", "./cells.zip", "below/../cells.zip"])
def test_an_archive_is_called_as_it_is_named_and_not_as_what_it_links_to(archive):
    Path("below").mkdir()
    Path("1a9953c4611296a827abf8c47804d7").write_bytes(zipped(CELLS))
    Path("cells.zip").symlink_to("1a9953c4611296a827abf8c47804d7")  # as DVC does with `cache.type symlink`
    report = run(archive=archive)
    assert (report["description"], report["origin"]) == ("the images of cells.zip", "cells.zip")


def test_a_zip_and_its_folder_give_the_same_images():
    put(CELLS)
    run()
    images, rows = tree("data/images"), manifest()
    Path("cells.zip").write_bytes(zipped(CELLS))
    report = run(archive="cells.zip")
    assert (tree("data/images"), manifest()) == (images, rows)
    assert report["sha256"] == hashlib.sha256(Path("cells.zip").read_bytes()).hexdigest()


def test_the_report_holds_no_path_of_this_machine(project):
    put(CELLS)
    run(archive=str(project / "cells"))
    assert str(project) not in Path("data/fetch.json").read_text()


def test_the_synthetic_set_says_what_it_is():
    report = run(source="synthetic")
    assert report["synthetic"]
    assert "not photographs" in report["description"]
    assert set(report["classes"].values()) == {4}
    assert report["images"] == len(manifest()) == 4 * len(report["classes"])
    assert Path("data/images/basophil/0003.jpg").is_file()
    before = tree()
    run(source="synthetic")
    assert tree() == before


def test_a_bad_image_stops_the_stage_and_nothing_changes(capsys):
    put(CELLS)
    run()
    before = tree()
    put({"basophil/1.png": b"", "monocyte/3.png": b"text"})
    said = refused(capsys)
    assert "basophil (1)\n    1.png: the file is empty" in said
    assert "monocyte (1)\n    3.png: not a readable image" in said
    assert "fetch.on_bad_image: quarantine" in said
    assert tree() == before


def test_bad_images_are_set_aside_where_that_is_asked_for(capsys):
    put({**CELLS, "monocyte/3.png": b"text", "monocyte/a\n.png": CELLS["basophil/1.png"]})
    report = run(on_bad_image="quarantine")
    assert [entry["path"] for entry in report["quarantined"]] == ["monocyte/3.png", "monocyte/a\\x0a.png"]
    assert Path("data/quarantine/monocyte/3.png").read_bytes() == b"text"
    assert not Path("data/images/monocyte/3.png").exists()
    assert report["images"] == len(manifest()) == 4
    assert "Quarantined: 2" in capsys.readouterr().out


def test_a_class_that_vanishes_stops_the_stage(capsys):
    put({**CELLS, "monocyte/1.jpg": b"", "monocyte/2.png": b""})
    assert "No usable image is left of monocyte" in refused(capsys, on_bad_image="quarantine")
    assert tree() == {}


def test_an_archive_without_images_says_what_to_do(capsys):
    put({"README.md": b"put images here"})
    said = refused(capsys)
    assert "cells/basophil/1.jpg" in said
    assert "fetch.archive" in said


def test_a_wrong_parameter_is_named(capsys):
    said = refused(capsys, kaggle={"dataset": "white-cells", "version": 0, "sha256": None})
    assert "fetch.kaggle.dataset" in said
    assert "fetch.kaggle.version" in said


def test_the_kaggle_data_set(monkeypatch, project, capsys):
    with kaggle_server(monkeypatch, project / "home", zipped(CELLS)) as server:
        report = run(source="kaggle")
        assert report["images"] == 4
        assert report["origin"] == "owner/white-cells version 1"
        assert report["sha256"] == hashlib.sha256(server.content).hexdigest()
        assert report["sha256"] in capsys.readouterr().out, "printed, so that it can be pinned"
        before = tree()
        run(source="kaggle", kaggle={**SETTINGS["kaggle"], "sha256": report["sha256"]})
        assert server.downloads() == 1
        assert tree() == before


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({**CELLS, "../basophil/3.png": CELLS["basophil/1.png"]}, "leads out of the folder"),
        ({**CELLS, "basophil/3.png": b"\0" * (80 * 2**20)}, "zip bomb"),
    ],
)
def test_a_harmful_kaggle_zip_changes_nothing(monkeypatch, project, capsys, files, words):
    with kaggle_server(monkeypatch, project / "home", zipped(files)):
        assert words in refused(capsys, source="kaggle")
    assert tree() == {}
    assert not Path("basophil").exists()


def test_two_runs_at_once(capsys):
    put(CELLS)
    with file_lock(fetch.LOCK):
        assert "Another run" in refused(capsys)
    run()


def test_a_killed_run_changes_nothing_and_the_next_one_tidies_up(project):
    put(CELLS)
    run()
    before = tree()
    write_params(source="synthetic", synthetic={**SETTINGS["synthetic"], "copies_per_cell": 200})
    command = [sys.executable, "-m", "stages.fetch"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TOP)}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(Path("data").glob(".images.*.partial/images/*/*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = tree()
    assert len(left) > len(before), "it was killed half-way"
    assert {path: left[path] for path in before} == before
    run()
    assert tree() == before


def test_labels_are_corrected_by_lists_of_the_users():
    put(CELLS)
    lists = {"exclude.csv": b"file\nbasophil/1.png\n", "relabel.csv": b"file,label\nmonocyte/2.png,basophil\n"}
    put(lists, "data/labels")
    Path("cells/basophil/2.png").rename("cells/basophil/3.png")
    report = run(exclude="exclude.csv", relabel="relabel.csv")
    with Path("data/manifest.csv").open() as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    assert paths == ["basophil/2.png", "basophil/3.png", "monocyte/1.jpg"]
    assert report["relabelled"] == {"monocyte/2.png": "basophil/2.png"}
    assert report["quarantined"] == [{"path": "basophil/1.png", "reason": "excluded by the user's list"}]
    assert Path("data/quarantine/basophil/1.png").is_file()


def test_a_list_that_does_not_fit_names_its_parameter_and_loses_nothing(capsys):
    put(CELLS)
    before = run()
    put({"exclude.csv": b"file\nbasophil/9.png\n"}, "data/labels")
    assert "basophil/9.png. `fetch.labels`, `fetch.exclude` and `fetch.relabel`" in refused(
        capsys, exclude="exclude.csv"
    )
    assert json.loads(Path("data/fetch.json").read_text()) == before


def test_lists_are_read_before_the_images_are_got(capsys, monkeypatch):
    def get(*_):
        raise AssertionError("a download would have been for nothing")

    put(CELLS)
    monkeypatch.setattr(fetch.sources, "get", get)
    assert "data/labels/none.csv doesn't exist. `fetch.labels`, `fetch.exclude` and" in refused(
        capsys, exclude="none.csv"
    )
    assert "`fetch.exclude` is ''" in refused(capsys, exclude="")


def test_images_that_somebody_put_among_the_delivered_ones_stop_the_stage(capsys):
    put(CELLS)
    run()
    own = {"basophil/mine.png": picture("white"), "monocyte/1.jpg": picture("black", "JPEG")}
    put(own | {"a/b/.DS_Store": b"", "a/b/deep.txt": b"notes"}, "data/images")
    before = tree()
    said = refused(capsys)
    assert "data/images/ holds 3 files that no run put there, or that were changed, such as a/b/deep.txt." in said
    assert "`fetch.archive`" in said
    assert tree() == before


def test_parts_and_patients_of_the_data_set_are_columns_of_the_manifest(capsys):
    paths = ["train/basophil/1.png", "test/basophil/2.png", "train/monocyte/1.jpg", "test/monocyte/2.png"]
    put(dict(zip(paths, CELLS.values(), strict=True)))
    report = run()
    assert {row["path"]: row["part"] for row in manifest()} == {
        "basophil/1.png": "train",
        "basophil/2.png": "test",
        "monocyte/1.jpg": "train",
        "monocyte/2.png": "test",
    }
    assert report["parts"] == {"train": 2, "test": 2}
    said = capsys.readouterr().out
    assert "divided already (train 2, test 2). `split.parts: manifest` in params.yaml keeps these parts" in said
    run(layout="{patient}/{class}/*")
    assert [row["given_patient"] for row in manifest()] == ["train", "test", "train", "test"]


def test_a_layout_that_is_not_clear_names_the_parameter(capsys):
    put(
        {f"{name}/P{number}/1.png": CELLS["basophil/1.png"] for name in ("basophil", "monocyte") for number in range(2)}
    )
    said = refused(capsys)
    assert "{class}/*/*   2 classes: basophil 2, monocyte 2" in said
    assert "Set `fetch.layout` in params.yaml" in said
    report = run(layout="{class}/{patient}/*")
    assert report["groups"] == {"patient": 2} and report["classes"] == {"basophil": 2, "monocyte": 2}
    assert "Groups that stay together: 2 by patient." in capsys.readouterr().out
    assert "does not fit 4 of 4 images" in refused(capsys, layout="{class}/*")


def test_labels_from_a_table_and_what_is_said_of_an_image_moves_with_it():
    put({f"scans/{number}.png": content for number, content in enumerate(CELLS.values()) if number != 2})
    put({"labels.csv": b"file,label,patient\n0.png,a,P1\n1.png,b,P2\n3.png,b,\n"}, "data/labels")
    put({"relabel.csv": b"file,label\nb/1.png,a\n"}, "data/labels")
    run(labels="labels.csv", relabel="relabel.csv")
    assert {row["path"]: row["given_patient"] for row in manifest()} == {
        "a/0.png": "P1",
        "a/1.png": "P2",
        "b/3.png": "",
    }


def test_masks_stop_the_stage_unless_they_are_kept(capsys):
    buffer = io.BytesIO()
    Image.fromarray((np.indices((12, 12)).sum(0) < 9).astype(np.uint8) * 255).save(buffer, "PNG")
    put({**CELLS, "monocyte/3.png": buffer.getvalue()})
    said = refused(capsys)
    assert "3.png: a mask, not a photograph: it has 2 colors" in said and "`fetch.on_mask: keep`" in said
    assert run(on_mask="keep")["images"] == 5
    put({"masks/1.png": CELLS["basophil/1.png"]})
    assert "Or set `fetch.on_mask: keep`" in refused(capsys)


def test_labels_and_a_layout_are_one_too_many(capsys):
    assert "set one of them to null" in refused(capsys, layout="{class}/*", labels="labels.csv")


def test_what_a_system_left_is_told_from_what_else_is_ignored(capsys):
    put({**CELLS, "@eaDir/1.png": b"", "notes/about.txt": b"text"})
    report = run()
    assert report["left_by_systems"] == ["@eaDir/"] and report["ignored"] == ["notes/about.txt"]
    said = capsys.readouterr().out
    assert (
        "since it is not in a class folder: notes/about.txt. Ignored, since a system or program left it: @eaDir/."
        in said
    )
