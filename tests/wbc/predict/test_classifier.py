"""The Python API, with a classifier that names the color of an image."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests import color_package
from tests.color_package import CLASSES, COLORS
from tests.imports import ROOT
from wbc import Classifier
from wbc.common.errors import UserError
from wbc.embed import openvino_engine
from wbc.export.packaging import BACKBONE
from wbc.predict.sources import list_sources


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a deployed classifier, and an image of each color."""
    root = tmp_path_factory.mktemp("classifier")
    color_package.deploy(root)
    (root / "new").mkdir()
    for name, color in zip(CLASSES, COLORS, strict=True):
        Image.new("RGB", (20, 30), color).save(root / f"new/{name}.png")
    Image.new("RGB", (20, 20), (130, 130, 10)).save(root / "new/between.png")
    (root / "new/text.png").write_text("no image")
    return root


@pytest.fixture(scope="module")
def classifier(project):
    return Classifier(project / "models/deployed")


def test_paths_pillow_images_and_arrays_give_the_same_prediction(classifier, project):
    image = Image.open(project / "new/eosinophil.png")
    path, pillow, array = classifier.predict([project / "new/eosinophil.png", image, np.asarray(image)])
    assert path.probabilities == pillow.probabilities == array.probabilities
    assert (path.label, path.prediction_set, path.abstains, path.reason) == ("eosinophil", ["eosinophil"], False, "")
    assert path.confidence == max(path.probabilities) and 0 <= path.distance <= 2
    assert [pillow.path, array.path] == ["image 2", "image 3"]
    for single in (str(project / "new/eosinophil.png"), image, np.asarray(image)):
        assert classifier.predict(single)[0].probabilities == path.probabilities


def test_a_list_of_predictions_becomes_a_table(classifier, project):
    predictions = classifier.predict(project / "new")
    table = predictions.to_frame()
    assert len(predictions) == len(table) == 5
    assert table["class"].tolist() == [prediction.label for prediction in predictions]
    assert table["path"].str.endswith(".png").all() and table["p_basophil"].notna().sum() == 4
    assert classifier.predict([]).to_frame().empty


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "YCbCr", "HSV", "LAB", "LA", "F"])
def test_pillow_images_of_every_mode_are_read_as_their_files_are(classifier, mode):
    image = Image.new("RGB", (20, 20), COLORS[0])
    image = image.convert(mode) if mode != "I;16" else Image.fromarray(np.full((20, 20), 60_000, np.uint16))
    (prediction,) = classifier.predict(image)
    if mode in ("F", "LAB"):
        assert "floating-point" in prediction.error or "colors of a kind that is not read" in prediction.error
    else:
        assert not prediction.error and (prediction.converted or mode in ("HSV", "YCbCr"))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 20, 3)),
        np.zeros((20, 20, 4), np.uint8),
        np.zeros(20, np.uint8),
        np.zeros((2, 20, 20, 3), np.uint8),
    ],
    ids=["float", "four channels", "one axis", "four axes"],
)
def test_an_array_of_another_type_or_shape_is_refused(classifier, image):
    with pytest.raises(UserError, match="expected an array of uint8"):
        classifier.predict([image])


def test_what_is_no_image_is_refused(classifier):
    with pytest.raises(UserError, match="expected a path, a Pillow image or an array; found int"):
        classifier.predict([3])


def test_a_crop_out_of_range_is_refused(project):
    with pytest.raises(UserError, match="`crop` is 0"):
        Classifier(project / "models/deployed", 0)


def test_a_prediction_does_not_depend_on_the_images_beside_it(classifier, project):
    alone = classifier.predict(project / "new/between.png")
    assert alone[0] in classifier.predict(project / "new")


def test_the_probabilities_are_those_of_the_heads(classifier, project):
    (prediction,) = classifier.predict(project / "new/eosinophil.png")
    expected = np.exp(np.array(COLORS[1]) / 50)
    assert prediction.probabilities == pytest.approx(expected / expected.sum(), abs=2e-3)


def test_a_classifier_looks_at_the_middle_and_at_the_whole_by_turns(project, tmp_path):
    picture = Image.new("RGB", (40, 40), COLORS[0])
    picture.paste(COLORS[1], (10, 10, 30, 30))
    whole = Classifier(project / "models/deployed")
    middle = whole.cropped(0.5)
    answers = {one.crop: one.predict(picture)[0].probabilities for one in (middle, whole, middle)}
    assert answers[0.5] == Classifier(project / "models/deployed", 0.5).predict(picture)[0].probabilities
    assert answers[0.5] != answers[1.0]


def test_memory_stays_flat_however_many_images_there_are(classifier, project):
    """Only a few images are read before the first answer is given."""
    read = 0
    listed = list_sources([str(project / "new/basophil.png"), str(project / "new/text.png")])

    def sources():
        nonlocal read
        for source in listed * 200:
            read += 1
            yield source

    next(classifier.predict_sources(sources()))
    assert read < 200


def test_no_tensorflow_is_imported(project):
    script = (
        "import sys; from wbc import Classifier; "
        "print([p.label for p in Classifier('models/deployed').predict('new/basophil.png')]); "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, cwd=project, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "basophil" in ended.stdout


@pytest.mark.parametrize("damage", ["size", "garbage"])
def test_a_backbone_that_does_not_fit_is_refused(project, damage):
    graph = (project / "models/deployed" / BACKBONE).read_bytes()
    with pytest.raises(UserError, match="not of 16 pixels" if damage == "size" else "can't read its graph"):
        openvino_engine.load(graph if damage == "size" else b"no graph", 16)
