"""Features of given image files by one engine, taken from the cache if they were computed before."""

import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wbc.common.files import sha256
from wbc.embed import engines, executors
from wbc.embed.cache import project_cache
from wbc.embed.embedding import ViewSpec, write_features
from wbc.embed.views import UNCHANGED

if TYPE_CHECKING:
    from wbc.embed.tensorflow_setup import keras


def file_features(
    name: str,
    backbone: "keras.Model",
    files: Sequence[Path],
    tta_views: int,
    zooms: Sequence[float] = (1.0,),
    build: Callable[[], engines.Engine] | None = None,
) -> npt.NDArray[np.float16]:
    """Return the features of image files as the stage `embed` computes them, without random views.

    Args:
        name: the engine, a key of `engines.ENGINES`.
        backbone: Keras model from (size, size, 3) RGB 0-255 to n features.
        files: paths of the image files.
        tta_views: 1, or 8 for the mean over an image's orientations.
        zooms: zooms of each image, see `wbc.common.images.zoomed`; the first is 1.
        build: returns the engine, and is called only if features are missing; by default it converts the backbone.

    Returns:
        array (files, zooms, n).
    """
    spec = ViewSpec(UNCHANGED, 0, tta_views, tuple(zooms))
    cache = project_cache(engines.fingerprint(name, backbone), backbone.output_shape[1])
    execute = executors.local(build or functools.partial(engines.build, name, backbone), spec, cache)
    images = [(str(file), sha256(file)) for file in files]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "features.npy")
        write_features(path, images, 0, spec, cache, execute)
        return np.load(path, allow_pickle=False)
