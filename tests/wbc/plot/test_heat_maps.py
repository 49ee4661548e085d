"""That a map shows the place that decides: one that is known by construction, and drawn cells, in the middle."""

import itertools

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from stages.embed import BLOOD
from wbc.embed import backbones, engines
from wbc.embed.tensorflow_setup import keras, start
from wbc.embed.views import orientations
from wbc.fetch.drawn import cells, smear
from wbc.plot.heat_maps import HeatMaps
from wbc.plot.overlay import DIM, lit
from wbc.train.head import Head, predict_proba
from wbc.train.layers import Dense, Standardize

SIZE, PLACES = 128, 4
SLIDE = 220  # gray of an empty slide


@pytest.fixture(scope="module")
def red_finder():
    """A backbone of 4 by 4 places whose features are the mean red and blue, and a head that names red class 1."""
    start(1)
    image = keras.Input((32, 32, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.AveragePooling2D(8)(image))
    kernel = np.array([[-1.0, 1.0], [0.0, 0.0], [1.0, -1.0]])
    head = Head([Standardize(np.zeros(3), np.full(3, 50.0)), Dense(kernel, np.zeros(2))])
    return engines.build("openvino", keras.Model(image, pooled)).content, head


@pytest.mark.parametrize("tta_views", [1, 8])
def test_a_map_shows_the_place_that_speaks_for_the_class_and_no_other(red_finder, tta_views):
    graph, head = red_finder
    image = np.zeros((32, 32, 3), np.uint8)
    image[8:16, 24:32, 0] = 200  # red in row 1, column 3
    image[24:32, 0:8, 2] = 200  # blue in row 3, column 0
    maps = HeatMaps(graph, 32, tta_views)
    for label, place in ((1, (1, 3)), (0, (3, 0))):
        expected = np.zeros((4, 4))
        expected[place] = 1
        np.testing.assert_array_equal(maps.map(image, [head], label), expected)
        np.testing.assert_array_equal(maps.map(image, [head, head], label), expected)
    assert not maps.map(np.zeros_like(image), [head], 1).any()


def test_an_image_is_bright_where_its_map_is():
    pixels = np.full((40, 40, 3), 200, np.uint8)
    shown = lit(pixels, np.kron([[0, 0], [0, 1]], np.ones((4, 4))))
    assert shown[:10, :10].tolist() == np.full((10, 10, 3), round(200 * DIM)).tolist()
    assert shown[-5:, -5:].tolist() == np.full((5, 5, 3), 200).tolist()


def drawn(count, seed):
    """`count` photos of each class, each of a cell in its middle, and their labels."""
    generator = np.random.default_rng(seed)
    photos = [
        (np.asarray(smear.photograph(name, generator).resize((SIZE, SIZE), Image.Resampling.BOX)), label)
        for label, name in enumerate(cells.CLASSES)
        for _ in range(count)
    ]
    return [photo for photo, _ in photos], np.array([label for _, label in photos])


def without(image, places):
    """The image with an empty slide at some of its 4 by 4 places."""
    image, side = image.copy(), SIZE // PLACES
    for row, column in places:
        image[row * side : (row + 1) * side, column * side : (column + 1) * side] = SLIDE
    return image


def test_what_a_map_of_a_drawn_cell_shows_is_what_decides():
    start(1)
    engine = engines.build("openvino", backbones.build(SIZE, BLOOD))
    forward = engine.load()

    def features(images):
        views = np.concatenate(list(forward(itertools.chain.from_iterable(map(orientations, images)))))
        return views.reshape(len(images), 8, -1).mean(axis=1)

    learned, labels = drawn(12, seed=1)
    rows = features(learned)
    center, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    model = LogisticRegression(C=0.1).fit((rows - center) / scale, labels)
    standardize = Standardize(center.astype(float), scale.astype(float))
    head = Head([standardize, Dense(model.coef_.T.astype(float), model.intercept_)])

    images, labels = drawn(5, seed=2)
    named = predict_proba(head, features(images))
    maps = HeatMaps(engine.content, SIZE, 8)
    lost, inside = {"bright": [], "dark": []}, []
    for image, probabilities in zip(images, named, strict=True):
        label = probabilities.argmax()
        heat = maps.map(image, [head], label)
        order = [divmod(int(place), PLACES) for place in np.argsort(-heat, axis=None, kind="stable")]
        for kind, places in (("bright", order[:4]), ("dark", order[-4:])):
            left = predict_proba(head, features([without(image, places)]))[0, label]
            lost[kind].append(probabilities[label] - left)
        inside.append(heat[1:3, 1:3].sum() / heat.sum() if heat.any() else 0.25)
    # Deletion (Petsiuk, Das and Saenko, RISE, BMVC 2018): a quarter of the places each.
    assert np.mean(lost["bright"]) > 2 * np.mean(lost["dark"])
    assert np.mean(lost["bright"]) > 0.1
    assert np.mean(inside) > 0.4, "a quarter of the places is the middle, where the cell is"
