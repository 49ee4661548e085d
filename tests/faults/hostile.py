"""What comes from elsewhere and means harm, or is broken: archives, names, weights files, servers."""

import hashlib
import io
import os
import pickle
import random
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.faults.faults import DAMAGES, damage, run
from tests.kaggle_server import kaggle_server
from tests.small_project import Project
from wbc.embed.tensorflow_setup import keras

SCRIPT = "<script>document.title='taken'"
NAMES = (
    SCRIPT,
    "<img src=x onerror=alert(1)>",
    "a | b `c` *d* [e](f) #",
    "line\nbreak",
    "\u202egnp.exe\u200b",
    "n" * 200,
    "naïve 细胞 клетка",
    "=cmd|'calc'!A1",
    "-rf",
    "%s{0}{{ 7*7 }}",
)


def archive(project: Project, random: random.Random) -> str:
    """Unpack a zip whose classes and files have hostile names, or which is hostile itself, and go up to the report."""
    file = project.folder / "data/hostile.zip"
    write = random.choice([_named, _named, _leading_out, _bomb, _deep, _link])
    file.write_bytes(write(random))
    project.set({"fetch.source": "archive", "fetch.archive": "data/hostile.zip", "fetch.on_bad_image": "quarantine"})
    outside = {path.name for path in project.folder.parent.iterdir()}
    status, printed = run(project, "dvc", "repro")
    if grown := {path.name for path in project.folder.parent.iterdir()} - outside:
        raise AssertionError(f"{write.__name__} wrote {grown} outside the project")
    if status and "Running stage 'embed'" in printed:
        raise AssertionError(f"names that fetch took stop a later stage: {printed[-600:]}")
    page = project.folder / "reports/index.html"
    if not status and any(markup in page.read_text(encoding="utf-8") for markup in (SCRIPT, "<img src=x")):
        raise AssertionError("a name is markup in the report")
    if not status and write is not _named:
        raise AssertionError(f"{write.__name__} was taken for images")
    project.restore()
    return printed


def weights(project: Project, random: random.Random) -> str:
    """Embed by a weights file that runs code, is of another form or another model, or is damaged."""
    with tempfile.TemporaryDirectory() as place:
        trace = Path(place, "trace")
        file = random.choice([_lambda, _pickled, _text, _other_model, _damaged])(Path(place), trace, random)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        project.set({"embed.weights": str(file), "embed.weights_sha256": sha256})
        status, printed = run(project, "dvc", "repro", "embed")
        if trace.exists():
            raise AssertionError(f"code in {file.name} was run")
        if not status:
            raise AssertionError(f"{file.name} was taken for a backbone's weights")
    project.restore()
    return printed


def server(project: Project, random: random.Random) -> str:
    """Fetch from a server that breaks off, is silent, sends something else or not the pinned file, or refuses."""
    project.set({"fetch.source": "kaggle"})
    content = _zip({"basophil/1.png": _picture(random)})
    with (
        tempfile.TemporaryDirectory() as home,
        pytest.MonkeyPatch.context() as patch,
        kaggle_server(patch, Path(home), content) as stand_in,
    ):
        kind = random.choice(["cut", "silent", "lying", "pinned", "refusing", "failing"])
        if kind == "cut":
            stand_in.cut_after = random.randrange(len(content))
        elif kind == "silent":
            stand_in.silent = True
        elif kind == "lying":
            stand_in.content = b"<html>please log in</html>"
        elif kind == "pinned":
            project.set({"fetch.kaggle.sha256": "0" * 64})
        else:
            stand_in.refusal = (403, "no") if kind == "refusing" else (500, "An internal server error occurred")
        reached = dict(os.environ) | {"PATH": project.environment["PATH"]}
        status, printed = run(project, "dvc", "repro", "fetch", **reached)
    if not status:
        raise AssertionError(f"a {kind} server's answer was taken for images")
    project.restore()
    return printed


def _named(random: random.Random) -> bytes:
    classes = [*random.sample(NAMES, 2), "basophil", "monocyte"]
    return _zip({f"{name}/{file}.png": _picture(random) for name in classes for file in random.sample(NAMES, 6)})


def _leading_out(random: random.Random) -> bytes:
    return _zip({"basophil/1.png": _picture(random), random.choice(["../out.png", "/tmp/../out.png"]): b"x"})


def _bomb(random: random.Random) -> bytes:
    return _zip({"basophil/1.png": _picture(random), "basophil/2.png": bytes(80 * 2**20)})


def _deep(random: random.Random) -> bytes:
    return _zip({"basophil/1.png": _picture(random), "a/" * 15000 + "1.png": b"x"})


def _link(random: random.Random) -> bytes:
    entry = zipfile.ZipInfo("basophil/2.png")
    entry.external_attr = 0o120777 << 16
    return _zip({"basophil/1.png": _picture(random), entry: b"/etc/passwd"})


def _zip(files: dict) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


def _picture(random: random.Random) -> bytes:
    pixels = np.random.default_rng(random.randrange(2**32)).integers(0, 256, (40, 40, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _lambda(place: Path, trace: Path, _: random.Random) -> Path:
    layer = keras.layers.Lambda(lambda x, path=str(trace): os.open(path, os.O_CREAT) and x)
    keras.Sequential([keras.Input((4,)), layer]).save(place / "model.keras")
    trace.unlink(missing_ok=True)  # made while the layer was built
    return place / "model.keras"


class _Call:
    """What a pickle may hold: a function to be called when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


def _pickled(place: Path, trace: Path, _: random.Random) -> Path:
    (place / "model.pth").write_bytes(pickle.dumps({"weight": _Call(trace)}))
    return place / "model.pth"


def _text(place: Path, _trace: Path, _: random.Random) -> Path:
    (place / "readme.weights.h5").write_text("version https://git-lfs.github.com/spec/v1\n")
    return place / "readme.weights.h5"


def _other_model(place: Path, _trace: Path, _: random.Random) -> Path:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save_weights(place / "other.weights.h5")
    return place / "other.weights.h5"


def _damaged(place: Path, trace: Path, random: random.Random) -> Path:
    file = _other_model(place, trace, random)
    damage(file, random.choice(DAMAGES), random)
    return file
