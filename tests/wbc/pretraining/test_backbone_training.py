import numpy as np
import pydantic
import pytest

from wbc.embed.tensorflow_setup import keras, start
from wbc.pretraining.backbone_training import Cells, Phase, PretrainParams, pretrain, sample
from wbc.pretraining.domain_augmentation import DomainAugmentation

SHIFT = DomainAugmentation(
    zoom=[0.9, 1.5],
    squash=0.2,
    shear=0.1,
    shift=0.05,
    stain=0.2,
    density=0.2,
    hue=0.02,
    saturation=0.2,
    brightness=0.1,
    contrast=0.1,
    surroundings=0.2,
    resolution=16,
    blur=1.0,
    noise=0.01,
    jpeg_quality=60,
)
PARAMS = PretrainParams(
    phases=[Phase(image_size=32, epochs=2), Phase(image_size=40, epochs=1)],
    batch_size=8,
    learning_rate=0.003,
    warm_up=0.5,
    weight_decay=0.01,
    dropout=0.2,
    average=0.9,
    domain_augmentation=SHIFT,
)


def cells(count, seed):
    """Reddish discs for one class and bluish ones for the other, on a light ground."""
    random = np.random.default_rng(seed)
    images = np.full((count, 48, 48, 3), 220, np.uint8)
    labels = np.arange(count) % 2
    row, column = np.mgrid[:48, :48] - 23.5
    for image, label in zip(images, labels, strict=True):
        image[np.hypot(row, column) < random.uniform(10, 16)] = (
            random.integers(40, 80, 3) + [[90, 0, 0], [0, 0, 90]][label]
        )
    return Cells(images, labels)


def tiny_backbone():
    """All that makes EfficientNetB0's training depend on its past, in a network that is traced in a second."""
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(8, 5, strides=2, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("swish"),
            keras.layers.Dropout(0.1),  # its generator's state is a variable that `weights` leaves out
            keras.layers.DepthwiseConv2D(3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("swish"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def run(path, **options):
    start(1)
    backbone = tiny_backbone()
    trained = pretrain(backbone, 2, cells(30, 1), cells(10, 2), PARAMS, 1, path, **options)
    return backbone, trained.history


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(the backbone, its history) of a training without a break."""
    return run(tmp_path_factory.mktemp("whole") / "whole.npz")


def test_a_training_that_was_killed_goes_on_to_the_same_bytes(whole, tmp_path):
    backbone, history = whole

    def kill(row):
        if row["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path / "broken.npz", report=kill)
    epochs = []
    resumed, resumed_history = run(tmp_path / "broken.npz", report=lambda row: epochs.append(row["epoch"]))
    assert epochs == [3]
    assert resumed_history == history
    assert all((one == other).all() for one, other in zip(backbone.get_weights(), resumed.get_weights(), strict=True))


def test_a_warm_up_that_leaves_no_epoch_to_train_is_refused():
    with pytest.raises(pydantic.ValidationError, match="takes all of the 3 epochs"):
        PretrainParams(**PARAMS.model_dump() | {"warm_up": 3})


def test_the_history_has_a_row_an_epoch_and_marks_each_that_is_better_than_all_before(whole):
    _, history = whole
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert [row["image_size"] for row in history] == [32, 32, 40]
    assert all(np.isfinite(list(row.values())).all() for row in history)
    losses = [row["shifted_loss"] for row in history]
    assert [row["best"] for row in history] == [
        int(loss < min(losses[:number], default=np.inf)) for number, loss in enumerate(losses)
    ]


def test_the_weights_are_trained_and_another_seed_gives_others(whole, tmp_path):
    start(1)
    untrained, other = tiny_backbone(), tiny_backbone()
    pretrain(other, 2, cells(30, 1), cells(10, 2), PARAMS, 2, tmp_path / "other.npz")
    images = sample(cells(10, 2), 32)
    found, at_first, by_another_seed = (model(images).numpy() for model in (whole[0], untrained, other))
    assert np.abs(found - at_first).max() > 1e-3
    assert np.abs(found - by_another_seed).max() > 1e-3


def test_a_training_learns_to_tell_red_cells_from_blue_ones(tmp_path):
    params = PARAMS.model_copy(update={"phases": [Phase(image_size=32, epochs=8)], "learning_rate": 0.02})
    start(1)
    trained = pretrain(tiny_backbone(), 2, cells(96, 1), cells(40, 2), params, 1, tmp_path / "learns.npz")
    history = trained.history
    assert max(row["plain_accuracy"] for row in history) >= 0.9
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
