"""The files of other runtimes say what Keras says, and the examples of the page run as they stand there."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tf2onnx", reason="`make formats-packages` installs it")

from stages import export
from tests import color_classifier
from tests.color_classifier import CLASSES, COLORS
from tools import export_formats
from tools.code_dependencies import ROOT
from wbc.models import portable

PAGE = (ROOT / "docs/how-to/formats.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"## ([^\n]*)\n\n```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose classifier for use was written in every form, and a picture of the second class."""
    root = tmp_path_factory.mktemp("formats")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        color_classifier.make(root)
        export.main()
        patch.setattr(sys, "argv", ["export_formats"])
        export_formats.main()
    Image.new("RGB", (20, 30), COLORS[1]).save(root / "cell.png")
    return root


def test_both_files_agree_with_keras_and_say_what_they_are(project):
    import onnx

    facts = json.loads((project / "models/formats/formats.json").read_text())
    for name in ("classifier.onnx", "classifier.tflite"):
        assert facts["files"][name]["largest_difference"] < 1e-4
        assert facts["files"][name]["megabytes"] >= 0
    metadata = {
        entry.key: entry.value for entry in onnx.load(project / "models/formats/classifier.onnx").metadata_props
    }
    assert json.loads(metadata["classes"]) == CLASSES
    assert json.loads(metadata["image_size"]) == 8
    assert "RGB" in metadata["preprocessing"]


@pytest.mark.parametrize("make", [portable.onnx_runner, portable.litert_runner])
def test_any_number_of_images_at_once(project, make):
    name = "classifier.onnx" if make is portable.onnx_runner else "classifier.tflite"
    run = make(project / "models/formats" / name)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.float32)
    together, alone = run(images), np.concatenate([run(images[[number]]) for number in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("code", [code for _, code in EXAMPLES], ids=[title for title, _ in EXAMPLES])
def test_the_examples_of_the_page_name_the_class(project, code):
    assert len(EXAMPLES) == 4
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("eosinophil"), done.stdout


def test_what_is_not_installed_is_said_and_nothing_is_written(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["export_formats", "--output", "elsewhere"])
    monkeypatch.setattr(export_formats, "PACKAGES", ("tf2onnx", "no_such_package"))
    with pytest.raises(SystemExit):
        export_formats.main()
    assert "Not installed: no_such_package. Type `make formats`" in capsys.readouterr().err
    assert not (project / "elsewhere").exists()


def test_a_file_that_says_something_else_is_not_written(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["export_formats", "--output", "elsewhere"])
    monkeypatch.setattr(portable, "litert_runner", lambda file: lambda images: np.full((len(images), 3), 1 / 3))
    with pytest.raises(SystemExit):
        export_formats.main()
    assert "classifier.tflite gives other probabilities than Keras" in capsys.readouterr().err
    assert not (project / "elsewhere").exists()
