"""The files of other runtimes say what Keras says, and the examples of the page run as they stand there."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

pytest.importorskip("tf2onnx", reason="`make formats` installs it")

from stages import formats as stage
from tests import color_project
from tests.color_package import CLASSES, COLORS
from tests.imports import ROOT
from wbc.embed.tensorflow_setup import keras
from wbc.export.calibration import tempered
from wbc.export.formats import FORMATS

PAGE = (ROOT / "docs/how-to/formats.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"## ([^\n]*)\n\n```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose deployed classifier was written in every form, and a picture of the second class."""
    root = tmp_path_factory.mktemp("formats")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        color_project.reproduce(root)
        params = yaml.safe_load((root / "params.yaml").read_text())
        (root / "params.yaml").write_text(yaml.safe_dump(params | {"formats": ["onnx", "litert"]}))
        for name in FORMATS:
            patch.setattr(sys, "argv", ["formats", name])
            stage.main()
    Image.new("RGB", (20, 30), COLORS[1]).save(root / "cell.png")
    return root


def test_both_files_say_what_they_are(project):
    import onnx

    for name in FORMATS:
        assert (project / "models/formats" / name / FORMATS[name].file).stat().st_size > 1000
        about = json.loads((project / f"models/formats/{name}/about.json").read_text())
        assert (about["classes"], about["image_size"]) == (CLASSES, 8)
        assert about["trained_on"] == "the images of colors"
    model = onnx.load(project / "models/formats/onnx/classifier.onnx")
    onnx.checker.check_model(model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["classes"]) == CLASSES
    assert "RGB" in metadata["preprocessing"]


@pytest.mark.parametrize("name", FORMATS)
def test_any_number_of_images_at_once_as_keras_has_them(project, name):
    run = FORMATS[name].runner(project / "models/formats" / name / FORMATS[name].file)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.float32)
    together, alone = run(images), np.concatenate([run(images[[number]]) for number in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    model = keras.models.load_model(project / "models/classifier.keras", compile=False)
    temperature = json.loads((project / "models/deployed/decision.json").read_text())["temperature"]
    by_keras = tempered(model(images, training=False).numpy(), temperature)
    np.testing.assert_allclose(together, by_keras, atol=1e-5)


@pytest.mark.parametrize("name", FORMATS)
def test_another_process_writes_the_same_bytes(project, name):
    file = project / "models/formats" / name / FORMATS[name].file
    before = file.read_bytes()
    command = [sys.executable, "-m", "stages.formats", name]
    done = subprocess.run(
        command, cwd=project, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "probabilities differ by at most 0.0" in done.stdout
    assert file.read_bytes() == before


@pytest.mark.parametrize("code", [code for _, code in EXAMPLES], ids=[title for title, _ in EXAMPLES])
def test_the_examples_of_the_page_name_the_class(project, code):
    assert len(EXAMPLES) == 4
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("eosinophil"), done.stdout


def test_what_is_not_installed_is_said_and_nothing_changes(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["formats", "onnx"])
    lacking = FORMATS["onnx"]._replace(packages=("tf2onnx", "no_such_package"))
    monkeypatch.setitem(FORMATS, "onnx", lacking)
    with pytest.raises(SystemExit):
        stage.main()
    assert "Not installed: no_such_package. Type `make formats`" in capsys.readouterr().err
    assert (project / "models/formats/onnx/classifier.onnx").exists()


def test_a_file_that_says_something_else_is_not_written(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["formats", "litert"])
    before = (project / "models/formats/litert/classifier.tflite").read_bytes()
    wrong = FORMATS["litert"]._replace(
        convert=lambda graph, facts: b"other", runner=lambda file: lambda images: np.full((len(images), 3), 1 / 3)
    )
    monkeypatch.setitem(FORMATS, "litert", wrong)
    with pytest.raises(SystemExit):
        stage.main()
    assert "classifier.tflite gives other probabilities than Keras" in capsys.readouterr().err
    assert (project / "models/formats/litert/classifier.tflite").read_bytes() == before


def test_a_format_that_params_do_not_name_is_refused(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["formats", "coreml"])
    with pytest.raises(SystemExit):
        stage.main()
    assert "NAME one of: onnx, litert" in capsys.readouterr().err
