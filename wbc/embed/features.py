"""Features of all images, written by the stage `embed` and read by later stages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from wbc.common.errors import UserError
from wbc.common.files import read_json, reading, replacing, write_json

ARRAY, FACTS, GRAPH, KERAS = "features.npy", "features.json", "backbone.pb", "backbone.keras"


class Features(NamedTuple):
    """Memory-mapped features of all images, and the facts of their computation.

    The folder also holds the backbone twice: backbone.keras, and backbone.pb, TensorFlow's frozen graph, which OpenVINO
    reads without TensorFlow.
    """

    folder: Path
    array: npt.NDArray[np.float16]  # (images, zooms + views, n), in the manifest's order
    # features.json: images, features (n), backbone, parameters (their number), weights_file_sha256, weights_foreground,
    # the section `embed` of params.yaml without weights_sha256 and executor, and engine (the one used)
    facts: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, images: int) -> Self:
        """Open the features in a folder.

        Args:
            folder: folder that the stage `embed` wrote.
            images: expected number of images.

        Raises:
            UserError: the features are damaged, or of another number of images.
        """
        with reading(folder / ARRAY):
            array = np.load(folder / ARRAY, mmap_mode="r", allow_pickle=False)
        if len(array) != images:
            raise UserError(
                f"{folder}/ holds the features of {len(array):,} images, but the splits are of {images:,}: they were "
                "made from different images. Type `dvc repro`."
            )
        return cls(folder, array, read_json(folder / FACTS))

    @staticmethod
    def save(
        folder: Path, write_array: Callable[[Path], None], keras: bytes, graph: bytes, facts: dict[str, Any]
    ) -> None:
        """Write the folder, which appears whole or not at all.

        Args:
            folder: the folder to write.
            write_array: write_array(path) writes `array` as a .npy file: it may be larger than the memory.
            keras, graph: the backbone as a .keras file and as a frozen graph.
            facts: content of features.json.
        """
        with replacing(folder) as partial:
            partial.mkdir()
            write_array(partial / ARRAY)
            (partial / KERAS).write_bytes(keras)
            (partial / GRAPH).write_bytes(graph)
            write_json(partial / FACTS, facts)

    @property
    def scored(self) -> npt.NDArray[np.float16]:
        """The features that are scored, (images, n): view 0 of each image."""
        return self.array[:, 0]

    @property
    def zooms(self) -> npt.NDArray[np.float16]:
        """The features without the random views, (images, zooms, n)."""
        return self.array[:, : len(self.facts["zooms"])]

    @property
    def image_size(self) -> int:
        """The side of the backbone's input images in pixels."""
        return self.facts["image_size"]

    @property
    def graph(self) -> bytes:
        """The backbone as TensorFlow's frozen graph."""
        return (self.folder / GRAPH).read_bytes()
