import numpy as np

from wbc.export.negatives import EACH, SIDE, negatives


def test_each_kind_is_what_it_is_called_and_always_the_same():
    drawn, again = negatives(), negatives()
    assert list(drawn) == [
        "white",
        "black",
        "noise",
        "text",
        "photographs",
        "a cat",
        "stained tissue",
        "drawn red cells",
    ]
    for kind, pictures in drawn.items():
        assert len(pictures) == EACH
        assert all(picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8 for picture in pictures)
        assert all((one == other).all() for one, other in zip(pictures, again[kind], strict=True))
    assert min(picture.min() for picture in drawn["white"]) >= 235
    assert max(picture.max() for picture in drawn["black"]) < 20
    assert all(60 < picture.std() < 90 for picture in drawn["noise"])
    assert all(20 < picture.std() < 100 and picture.mean() > 180 for picture in drawn["text"])
    assert np.mean([picture.std() > 20 for picture in drawn["photographs"]]) > 0.8
    assert all(20 < picture.std() < 80 for picture in drawn["a cat"])
    tissue = np.mean(drawn["stained tissue"], axis=(0, 1, 2))
    assert tissue[0] > tissue[1]  # reddish brown and blue on white: green is what both stains take away
    reddish = [picture[..., 0].mean() > picture[..., 1].mean() for picture in drawn["drawn red cells"]]
    assert np.mean(reddish) > 0.5
