"""embed: compute the frozen backbone's features of every image and of its random views.

    python -m stages.embed

Reads data/images/, data/manifest.csv and the backbone's weights. Writes data/features/:

    features.npy    float16 (images, zooms + views, 1280), in the manifest's order; [:, 0] is scored
    features.json   facts of their computation
    backbone.keras  the backbone, for the stage `export`
    backbone.pb     the same as TensorFlow's frozen graph, for OpenVINO

Features that were computed before are read from a cache. By default it is .cache/features; the environment variable
FEATURE_CACHE names another folder or fsspec address. With `embed.executor: dask`, the workers of the cluster at
DASK_SCHEDULER_ADDRESS compute the missing features. Neither changes the result.
"""

import functools
from pathlib import Path

from wbc.common import params
from wbc.common.errors import advise, exit_on_user_error
from wbc.common.tables import read_csv
from wbc.embed import backbones, engines, executors
from wbc.embed.cache import project_cache
from wbc.embed.embedding import ViewSpec, write_features
from wbc.embed.features import Features
from wbc.embed.params import EmbedParams
from wbc.embed.tensorflow_setup import start
from wbc.embed.weights import BLOOD_FOREGROUND, find_weights

BLOOD = Path("pretraining/efficientnetb0.weights.h5")
WEIGHTS = "`embed.weights` and `embed.weights_sha256` in params.yaml name the weights; then type `dvc repro`."
OTHERS = (
    "(`embed.engine`, `embed.executor` and `embed.weights` are set in params.yaml, the cache by FEATURE_CACHE.) "
    "Then type `dvc repro`."
)


@exit_on_user_error
def main() -> None:
    """Compute the features of every image and of its views."""
    settings = params.load("params.yaml", "embed", EmbedParams)
    start(settings.seed)
    with advise(WEIGHTS):
        weights, weights_sha256 = find_weights(settings.weights, settings.weights_sha256, BLOOD)
        backbone = backbones.build(settings.image_size, weights, settings.seed)

    manifest = read_csv("data/manifest.csv")
    images = [(f"data/images/{path}", digest) for path, digest in manifest[["path", "sha256"]].itertuples(index=False)]
    engine = engines.choose(settings.engine)
    spec = ViewSpec(settings.augmentation, settings.seed, settings.tta_views, tuple(settings.zooms))
    cache = project_cache(engines.fingerprint(engine, backbone), backbone.output_shape[1])
    build = functools.cache(functools.partial(engines.build, backbone=backbone))
    execute = executors.EXECUTORS[settings.executor](functools.partial(build, engine), spec, cache)
    facts = {
        "images": len(images),
        "features": cache.length,
        "parameters": backbone.count_params(),
        "weights_file_sha256": weights_sha256,
        "weights_foreground": BLOOD_FOREGROUND if settings.weights == "blood" else None,
        "backbone": backbones.NAME,
    }
    facts |= settings.model_dump(exclude={"weights_sha256", "executor"}) | {"engine": engine}
    with advise(OTHERS):
        Features.save(
            Path("data/features"),
            lambda path: write_features(path, images, settings.views, spec, cache, execute),
            build("tensorflow").content,
            build("openvino").content,
            facts,
        )


if __name__ == "__main__":
    main()
