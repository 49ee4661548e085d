"""The command `wbc` on a project whose classifier names the color of an image."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import wbc
from tests import color_package
from tests.color_package import CLASSES, COLORS
from tests.imports import ROOT
from wbc import cli
from wbc.predict.classifier import Classifier
from wbc.predict.perturbations import PERTURBATIONS

COMMANDS = ("predict", "score", "adapt", "app", "robustness")
BLUISH = [(160, 10, 230), (10, 160, 230), (10, 10, 230)]  # of another laboratory, where all are called lymphocyte


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a deployed classifier, and images of each color and of none."""
    root = tmp_path_factory.mktemp("cli")
    color_package.deploy(root)
    (root / "data/empty").mkdir(parents=True)
    new = root / "new"
    new.mkdir()
    for name, color in zip(CLASSES, COLORS, strict=True):
        Image.new("RGB", (20, 30), color).save(new / f"{name}.png")
    Image.new("RGB", (20, 20), (130, 130, 10)).save(new / "between.png")
    Image.new("RGB", (20, 20), (255, 255, 255)).save(new / "white.png")
    Image.new("L", (20, 20), 255).save(new / "gray.png")
    (new / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (new / "text.png").write_text("no image")
    (new / "notes.txt").write_text("passed over")
    for number, name in enumerate([*CLASSES, *CLASSES[:2], CLASSES[0]]):
        color = COLORS[2] if number == 5 else COLORS[CLASSES.index(name)]
        (root / "labelled" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), color).save(root / f"labelled/{name}/P{number // 2}_{number}.png")
    (root / "labelled/blast").mkdir()
    for number, color in enumerate(("white", COLORS[0])):
        Image.new("RGB", (20, 20), color).save(root / f"labelled/blast/{number}.png")
    random = np.random.default_rng(0)
    for name, color in zip(CLASSES, BLUISH, strict=True):
        (root / "bluish" / name).mkdir(parents=True)
        for number in range(8):
            shade = tuple(int(value) for value in np.clip(np.array(color) + random.integers(-9, 10, 3), 0, 255))
            Image.new("RGB", (16, 16), shade).save(root / f"bluish/{name}/{number}.png")
    return root


@pytest.fixture
def run(project, monkeypatch, capsys):
    """A function that runs a command with the deployed classifier; returns (exit status, output, errors)."""
    monkeypatch.chdir(project)

    def call(*arguments, is_terminal=False):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal, raising=False)
        model = [] if "--model" in arguments else ["--model", "models/deployed"]
        message = ""
        try:
            cli.main([*map(str, arguments), *model])
            status = 0
        except SystemExit as end:
            status, message = (1, end.code) if isinstance(end.code, str) else (end.code, "")
        printed = capsys.readouterr()
        return status, printed.out, printed.err + message

    return call


def rows_of(text):
    return {Path(row["path"]).name: row for row in csv.DictReader(io.StringIO(text))}


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_help_fits_a_screen_and_has_an_example(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([*command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert "example:" in lines and any(line.startswith("  wbc ") for line in lines)


def test_the_version_is_the_projects(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"wbc {wbc.__version__}\n"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("version")
    assert declared in (None, wbc.__version__)


def test_importing_the_package_is_light():
    script = "import sys, wbc; assert not {'numpy', 'pandas', 'openvino', 'PIL'} & set(sys.modules); wbc.Classifier"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    with pytest.raises(AttributeError, match="Classifer"):
        wbc.Classifer  # noqa: B018


def test_piped_it_prints_a_row_per_image_and_faults_are_an_exit_status(run):
    status, out, said = run("predict", "new")
    assert status == 1 and "2 of 8 images could not be read" in said
    rows = rows_of(out)
    assert list(rows) == sorted(rows) and "notes.txt" not in rows
    for name in CLASSES:
        row = rows[f"{name}.png"]
        assert (row["class"], row["prediction_set"], row["abstains"], row["error"]) == (name, name, "no", "")
        assert float(row[f"p_{name}"]) > 0.9
    assert rows["between.png"]["abstains"] == "yes" and rows["gray.png"]["converted"] == "grayscale to RGB"
    assert rows["white.png"]["reason"] == "out of distribution"
    assert rows["text.png"]["error"].startswith("not a readable image") and rows["text.png"]["class"] == ""
    assert rows["broken.jpg"]["error"]


def test_on_a_terminal_it_prints_counts_confidence_abstentions_and_conversions(run):
    _, out, said = run("predict", "new", is_terminal=True)
    lines = out.splitlines()
    assert lines[0].split() == ["class", "images", "abstains", "mean", "confidence"]
    assert next(line for line in lines if line.startswith("eosinophil")).split()[:3] == ["eosinophil", "1", "0"]
    assert next(line for line in lines if line.startswith("all")).split()[:3] == ["all", "6", "3"]
    assert "Abstains from 3: out of distribution (3)." in out and "Converted when read: grayscale to RGB (1)." in out
    assert "Not readable: 2 (new/broken.jpg: " in out and "path,class" not in out
    assert "2 of 8 images could not be read" in said


def test_outputs_are_written_by_their_endings_in_one_pass(run, project):
    outputs = [argument for ending in ("json", "jsonl", "csv", "html") for argument in ("--output", f"out.{ending}")]
    status, out, _ = run("predict", "new/basophil.png", "new/text.png", *outputs)
    assert status == 1 and "Written: out.csv" in out
    first, second = json.loads((project / "out.json").read_text())
    assert first["class"] == "basophil" and first["prediction_set"] == ["basophil"] and first["abstains"] is False
    assert second["error"] and second["p_basophil"] is None and second["abstains"] is None
    assert list(map(json.loads, (project / "out.jsonl").read_text().splitlines())) == [first, second]
    assert rows_of((project / "out.csv").read_text())["basophil.png"]["class"] == "basophil"
    assert "2 images: basophil 1, not readable 1" in (project / "out.html").read_text(encoding="utf-8")


def test_the_page_shows_every_image_and_escapes_names(run, project):
    name = "new/<img src=x onerror=alert(1)>.png"
    Image.new("RGB", (20, 20), COLORS[0]).save(project / name)
    try:
        run("predict", "new", "--output", "out.html")
    finally:
        (project / name).unlink()
    page = (project / "out.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 2 * 7, "a picture and a heat map of each that can be read"
    assert "onerror=alert(1)&gt;" in page and "<img src=x" not in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "nowhere"], "nowhere doesn't exist"),
        (["predict", "new/*.gif"], "Nothing fits the pattern"),
        (["predict", "data/empty"], "no file that is named as an image"),
        (["predict", "new", "--model", "nothing"], "`--model` names a classifier's folder"),
        (["predict", "new", "--output", "data"], "data is a folder, and a file is to be written"),
        (["predict", "new", "--output", "page.png"], "page.png doesn't end in .csv or .json or .jsonl or .html"),
        (["predict", "new", "--crop", "2"], "'2' is no share"),
        (["score", "labelled", "--groups", "P("], "neither a .csv file nor a regular expression"),
        (["score", "labelled", "--output", "answers.xlsx"], "doesn't end in .csv"),
        (["score", "labelled", "--labels", "blast"], "'blast' is no pair"),
        (["score", "labelled", "--labels", "blats=basophil"], "`labels` names blats"),
        (["score", "labelled", "--labels", "blast=blast"], "the classifier has the classes basophil"),
        (["adapt", "labelled"], "no class of the classifier: blast"),
        (["adapt", "bluish", "--output", "labelled"], "would be replaced as a whole"),
        (["adapt", "bluish/basophil"], "bluish/basophil"),
        (["robustness", "labelled", "--cells", "0"], "must be 1 or more"),
        (["robustness", "bluish", "--splits", "out.csv"], "expected the columns path, group and fold"),
        (["app", "--model", "nothing"], "`--model` names a classifier's folder"),
    ],
)
def test_what_cannot_be_done_is_said(run, project, arguments, words):
    (project / "out.csv").write_text("path,fold\na,1\n")
    status, out, said = run(*arguments)
    assert status and words in said and "Traceback" not in said and not out


def test_the_pretrained_classifier_is_the_default(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    cli.main(["predict", "new/basophil.png"])
    columns = "path,class,p_basophil,p_eosinophil,p_lymphocyte,p_monocyte,p_neutrophil,"
    assert capsys.readouterr().out.startswith(columns)


def test_a_classifier_of_drawn_cells_is_cautioned_against(run, project):
    file = project / "models/deployed/decision.json"
    shipped = file.read_text()
    assert "drawn" not in run("predict", "new/basophil.png", "--output", "out.html")[2]
    file.write_text(json.dumps(json.loads(shipped) | {"synthetic": True}))
    try:
        status, _, said = run("predict", "new/basophil.png", "--output", "out.html")
    finally:
        file.write_text(shipped)
    assert status == 0 and "trained on drawn cells, not on photographs" in said
    assert "trained on drawn cells, not on photographs" in (project / "out.html").read_text()


def test_small_cells_are_noted_with_the_crop_that_helps(run, tmp_path):
    picture = Image.new("RGB", (200, 200), (240, 230, 240))
    picture.paste((90, 20, 120), (90, 90, 110, 110))
    picture.save(tmp_path / "small.png")
    status, _, said = run("predict", tmp_path / "small.png", "--output", tmp_path / "page.html")
    assert status == 0 and "warning: The stained part of a cell covers 1.0% of a picture here" in said
    assert "The stained part of a cell covers 1.0% of a picture" in (tmp_path / "page.html").read_text(encoding="utf-8")
    crop = said.rsplit("by a crop of ", 1)[1].split()[0]
    assert "warning:" not in run("predict", tmp_path / "small.png", "--crop", crop)[2]


def test_scores_are_printed_and_written(run, project):
    _, out, _ = run("score", "labelled", "--output", "answers.csv")
    assert "6 images, 6 groups; intervals by image" in out
    assert "accuracy                                   0.833 (" in out
    assert "balanced accuracy                          0.889 (" in out  # recalls of 2/3, 1 and 1
    assert "coverage of the prediction sets, 90% asked 83.3%" in out
    basophil = next(line for line in out.splitlines() if line.startswith("basophil"))
    assert basophil.split() == ["basophil", "3", "0.667", "1.000"]
    assert "2 not a class of the classifier; abstains from 50%" in out
    rows = list(csv.DictReader((project / "answers.csv").open(newline="")))
    assert len(rows) == 8 and sum(row["label"] == row["predicted"] for row in rows) == 5


def test_images_that_trained_the_backbone_are_marked_and_scored_apart(run, project, monkeypatch):
    """The classifier of this test has another backbone; red images stand for those that trained it."""
    assert "trained on" not in "".join(map(str, run("score", "labelled")))
    monkeypatch.setattr("wbc.predict.classifier.recognizer", lambda _: lambda pixels: bool(pixels[0, 0, 0] > 200))
    _, out, warned = run("score", "labelled", "--output", "overlap.csv")
    rows = list(csv.DictReader((project / "overlap.csv").open(newline="")))
    known = sum(row["overlap"] == "yes" for row in rows)
    assert 0 < known < len(rows)
    assert "show cells that the backbone was trained on" in out and "balanced accuracy, other images" in out
    assert (
        "warning:" in warned and f"{known} of {len(rows)} images show cells that the backbone was trained on" in warned
    )
    run("predict", "labelled", "--output", "overlap.json")
    assert sum(row["overlap"] for row in json.loads((project / "overlap.json").read_text())) == known


def test_scores_by_group_and_under_other_class_names(run):
    assert (
        "6 images, 3 groups; intervals by patient" in run("score", "labelled", "--groups", r"(?P<patient>P\d+)_.*")[1]
    )
    assert "8 images" in run("score", "labelled", "--labels", "blast=basophil")[1]


def test_one_class_alone_is_scored(run):
    _, out, _ = run("score", "labelled/basophil")
    assert "3 images" in out and "accuracy                                   0.667" in out


def test_the_adapted_classifier_names_the_other_laboratorys_cells(run, project):
    before = [found.label for found in Classifier("models/deployed").predict("bluish")]
    status, out, said = run("adapt", "bluish")
    assert status == 0, said
    after = [found.label for found in Classifier("models/adapted").predict("bluish")]
    truth = [name for name in CLASSES for _ in range(8)]
    assert np.mean([one == other for one, other in zip(before, truth, strict=True)]) < 0.4
    assert np.mean([one == other for one, other in zip(after, truth, strict=True)]) > 0.9
    curve = pd.read_csv(project / "models/adapted/learning_curve.csv")
    assert curve["cells_per_class"].tolist() == [0] + [1] * 8 + [2] * 8 + [5] * 8
    assert curve["balanced_accuracy"].iloc[-1] > curve["balanced_accuracy"].iloc[0]
    assert "The adapted classifier is better and is kept" in out and "(unadapted)" in out
    facts = json.loads(Path("models/adapted/decision.json").read_text())
    assert facts["trained_on"] == "the images of colors; adapted with 24 labelled cells of bluish"
    status, out, _ = run("adapt", "bluish", "--crop", "0.5")
    assert status == 0, "an adapted classifier may be replaced by another"
    assert "Use it with the same `--crop 0.5`." in out


def test_where_adapting_does_not_help_the_unadapted_classifier_is_kept(run, project, tmp_path):
    for name, color in zip(CLASSES, COLORS, strict=True):
        (tmp_path / "labelled" / name).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (16, 16), color).save(tmp_path / f"labelled/{name}/{number}.png")
    _, out, _ = run("adapt", tmp_path / "labelled", "--output", tmp_path / "adapted")
    assert "The unadapted classifier is as good or better: its weights are kept." in out
    shipped, kept = Classifier("models/deployed"), Classifier(tmp_path / "adapted")
    pairs = zip(shipped.heads, kept.heads, strict=True)
    assert all(np.array_equal(one.dense[-1].kernel, other.dense[-1].kernel) for one, other in pairs)


def test_every_perturbation_is_scored_at_every_strength_beside_none(run, project):
    splits = [(f"{name}/{number}.png", f"{name}{number}", number % 2) for name in CLASSES for number in range(2)]
    pd.DataFrame(splits, columns=["path", "group", "fold"]).to_csv(project / "splits.csv", index=False)
    arguments = ["--splits", "splits.csv", "--output", "perturbed"]
    for path, *_ in splits:
        (project / "photos" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 45), COLORS[CLASSES.index(path.split("/")[0])]).save(project / "photos" / path)
    _, out, _ = run("robustness", "photos", *arguments)
    table = pd.read_csv(project / "perturbed/table.csv").set_index(["perturbation", "strength"])["balanced_accuracy"]
    assert len(table) == 6 * len(PERTURBATIONS) and (table.xs(0, level="strength") == 1).all()
    assert table["blur", 5] == 1 and table["brightness", 5] == 1  # a plain color stays the strongest one
    assert "6 images" in out and "| blur | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 |" in out
    assert (project / "perturbed/figure.svg").read_text().count("<svg") == 1
    assert "3 images" in run("robustness", "photos", *arguments, "--cells", "1")[1]
    (project / "splits.csv").write_text((project / "splits.csv").read_text().replace(",1\n", ",7\n"))
    assert "no heads of fold 7" in run("robustness", "photos", *arguments)[2]


def test_a_reader_that_goes_ends_it_quietly(project):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = f"{sys.executable} -m wbc.cli predict new --model models/deployed | head -1"
    ended = subprocess.run(command, shell=True, cwd=project, env=environment, capture_output=True, text=True)
    assert ended.stdout.startswith("path,class,") and not re.search("Traceback|BrokenPipe", ended.stderr)
