"""The folder of a packaged classifier, and its description in decision.json.

Such a folder may come from an untrusted author. Every file must be a regular file of limited size. decision.json must
fit a schema and name the SHA-256 of every other file. Arrays are read without unpickling; their shapes and values are
checked. Only backbone.pb, heads and reference.npz are opened; .keras, .h5, .onnx and .tflite files are hashed and
never loaded.
"""

import hashlib
import io
import math
import os
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import pydantic

from wbc.common.errors import UserError
from wbc.common.files import sha256, write_json
from wbc.export.decision import Decision, from_json, to_json
from wbc.export.framing import ANY, Range
from wbc.export.ood import Reference
from wbc.train.head import DENSE_ARRAYS, NORM_ARRAYS, Head, from_arrays

BACKBONE, DECISION, REFERENCE = "backbone.pb", "decision.json", "reference.npz"  # files of every packaged classifier
FINGERPRINTS = "fingerprints.npz"  # of the pretrained classifier: of the cells that its backbone was trained on
MAX_DECISION = 2**20  # bytes of decision.json
MAX_FILE = 512 * 2**20  # bytes of any other file, and of the arrays in one; the shipped ones have 30 MiB at most


def _is_class_name(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise ValueError("a class name holds letters that can be seen, and no spaces at its ends")
    return name


def _differ(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("the names must differ from each other")
    return names


def _is_ordered(shares: Range) -> Range:
    if shares[0] > shares[1]:
        raise ValueError("the first share must not be the larger one")
    return shares


FileName = Annotated[str, pydantic.StringConstraints(pattern=r"^\w[\w.-]{0,99}$")]  # plain: no folder, no `..`
ClassName = Annotated[str, pydantic.Field(min_length=1, max_length=100), pydantic.AfterValidator(_is_class_name)]
Digest = Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, pydantic.Field(ge=0, le=1)]


class Facts(pydantic.BaseModel):
    """Content of decision.json: the fields of `Decision`, and the parts of the package."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    classes: Annotated[list[ClassName], pydantic.Field(min_length=2, max_length=1000), pydantic.AfterValidator(_differ)]
    temperature: float = pydantic.Field(ge=0.01, le=100)
    set_threshold: Share
    distance_threshold: float = pydantic.Field(ge=0, le=2)
    neighbors: int = pydantic.Field(ge=1, le=1000)
    coverage: float = pydantic.Field(gt=0, lt=1)
    known: float = pydantic.Field(gt=0, lt=1)
    heads: Annotated[list[FileName], pydantic.Field(min_length=1, max_length=1000), pydantic.AfterValidator(_differ)]
    image_size: int = pydantic.Field(ge=8, le=1024)  # side of the backbone's input, in pixels
    tta_views: int  # orientations of an image whose features are averaged
    trained_on: str = pydantic.Field("", max_length=10_000)  # the training images in words
    score: str = pydantic.Field("", max_length=1000)  # in words, with the images that it was measured on
    synthetic: bool = False  # whether the training images were drawn cells only
    foreground: Annotated[tuple[Share, Share], pydantic.Field(strict=False), pydantic.AfterValidator(_is_ordered)] = ANY
    sha256: dict[FileName, Digest]
    weights_sha256: Digest | None = None  # of the weights that the backbone is built from

    @pydantic.field_validator("tta_views")
    @classmethod
    def _is_one_or_all(cls, views: int) -> int:
        if views not in (1, 8):
            raise ValueError("must be 1 or 8")
        return views

    @pydantic.model_validator(mode="after")
    def _names_every_file(self) -> "Facts":
        needed = {*self.heads, REFERENCE} | (set() if self.weights_sha256 else {BACKBONE})
        if missing := sorted(needed - self.sha256.keys()):
            raise ValueError(f"`sha256` must name {', '.join(missing)}")
        return self

    @property
    def decision(self) -> Decision:
        """Calibration and thresholds."""
        return from_json(self.model_dump())


class Package(NamedTuple):
    """A packaged classifier, read and checked."""

    facts: Facts
    heads: list[Head]
    reference: Reference
    backbone: bytes  # frozen graph, which OpenVINO reads


def write_facts(
    folder: Path,
    decision: Decision,
    *,
    heads: Sequence[str],
    image_size: int,
    tta_views: int,
    trained_on: str,
    synthetic: bool,
    foreground: Range,
    score: str = "",
    weights_sha256: str | None = None,
) -> None:
    """Write decision.json, with the SHA-256 of all files in the folder.

    Args:
        folder: of the classifier, with all its other files.
        decision: calibration and thresholds.
        heads: names of the heads' files; their probabilities are averaged.
        image_size: side of the backbone's input, in pixels.
        tta_views: orientations of an image whose features are averaged, 1 or 8.
        trained_on: the training images in words.
        synthetic: whether these were drawn cells only; the classifier then warns of that.
        foreground: smallest and largest share of its image that a cell covers in training.
        score: in words, with the images that it was measured on.
        weights_sha256: of the weights that the backbone is built from; the folder then needs no backbone.
    """
    content = {**to_json(decision), "heads": list(heads), "image_size": image_size, "tta_views": tta_views}
    content |= {"trained_on": trained_on, "synthetic": synthetic, "foreground": list(foreground)}
    content["sha256"] = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    if score:
        content["score"] = score
    if weights_sha256:
        content["weights_sha256"] = weights_sha256
    Facts.model_validate(content)  # so that it can be read again
    write_json(folder / DECISION, content)


def read_facts(folder: Path) -> Facts:
    """Return decision.json, after a check of all files that it names by their SHA-256.

    Raises:
        UserError: a file is missing, damaged or too large, or has another SHA-256.
    """
    return _read_files(folder)[0]


def read_package(folder: Path) -> Package:
    """Return a packaged classifier after all checks.

    Raises:
        UserError: as `read_facts`; or an array has another shape than expected, isn't finite, or isn't a number.
    """
    facts, files = _read_files(folder)
    if BACKBONE not in files:
        raise UserError(f"{folder / BACKBONE} is not there: the backbone has yet to be built from its weights.")
    arrays = {name: _arrays(files[name], folder / name) for name in (*facts.heads, REFERENCE)}
    reference = _reference_of(arrays[REFERENCE], folder / REFERENCE)
    heads = [_head_of(arrays[name], reference.mean.size, len(facts.classes), folder / name) for name in facts.heads]
    return Package(facts, heads, reference, files[BACKBONE])


def _read_files(folder: Path) -> tuple[Facts, dict[str, bytes]]:
    """Return decision.json and the hashed content of the files that are opened later."""
    file = folder / DECISION
    try:
        facts = Facts.model_validate_json(_read(file, MAX_DECISION))
    except pydantic.ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}" for fault in error.errors()[:5]
        )
        raise UserError(f"{file} is damaged or of another version ({faults}).") from None
    opened, files = {*facts.heads, REFERENCE, BACKBONE}, {}
    for name, digest in facts.sha256.items():
        content = _read(folder / name, MAX_FILE)
        if hashlib.sha256(content).hexdigest() != digest:
            raise UserError(
                f"{folder / name} is not the file that {DECISION} names: its SHA-256 differs. Fetch it again."
            )
        if name in opened:
            files[name] = content
    return facts, files


def _read(path: Path, most: int) -> bytes:
    """Return the content of a regular file; links are followed, because DVC links into its cache.

    Raises:
        UserError: it isn't there, is no regular file, is empty, or has more than `most` bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise UserError(
            f"{path} is not there; a classifier consists of {DECISION} and the files that it names."
        ) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise UserError(f"{path} is a folder, a pipe or a device; a file was expected.")
    with os.fdopen(descriptor, "rb") as file:
        if not 0 < found.st_size <= most:  # files in /proc report 0 bytes, and some have no end
            raise UserError(f"{path} has {found.st_size:,} bytes; 1 to {most:,} were expected.")
        return file.read(most)


def _arrays(content: bytes, where: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Return the arrays of an .npz file by name; sizes are checked before memory is allocated.

    Raises:
        UserError: it is damaged, holds anything but finite floating-point numbers, or declares more than is there.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MAX_FILE:
                raise ValueError(f"its arrays have more than {MAX_FILE:,} bytes")
            for entry in entries:
                name = entry.filename.removesuffix(".npy")
                if name in arrays:
                    raise ValueError(f"two arrays are called {name}")
                arrays[name] = _array(archive.read(entry))
    except Exception as error:  # zipfile and NumPy raise many kinds of errors on a damaged file
        raise UserError(f"{where} is damaged: {error or type(error).__name__}.") from None
    return arrays


def _array(content: bytes) -> npt.NDArray[np.float64]:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"version {version} of NumPy's format is not read")
    shape, is_fortran, kind = np.lib.format.read_array_header_1_0(file)
    if kind.kind != "f" or kind.hasobject:
        raise ValueError(f"numbers were expected, found {kind}")
    if math.prod(shape) * kind.itemsize != len(content) - file.tell():
        raise ValueError(f"an array is declared as {shape} and has another number of bytes")
    array = np.frombuffer(content, kind, offset=file.tell()).reshape(shape, order="F" if is_fortran else "C")
    if not np.isfinite(array).all():
        raise ValueError("a number is infinite or NaN")
    return array.astype(np.float64)


def _head_of(arrays: dict[str, npt.NDArray[np.float64]], features: int, classes: int, where: Path) -> Head:
    """Return a head of some arrays, if their shapes fit: (features,) in, (classes,) out."""
    count = sum(name.startswith("block_") and name.endswith("_kernel") for name in arrays)
    shapes: dict[str, tuple[int, ...]] = {"center": (features,), "scale": (features,)}
    inputs = features
    for number in range(1, count + 1):
        kernel = arrays.get(f"block_{number}_kernel")
        units = kernel.shape[-1] if kernel is not None and kernel.ndim else 0
        shapes |= {f"block_{number}_{field}": (units,) for field in (*DENSE_ARRAYS, *NORM_ARRAYS)}
        shapes[f"block_{number}_kernel"] = (inputs, units)
        inputs = units
    shapes |= {"kernel": (inputs, classes), "bias": (classes,)}
    _expect(arrays, shapes, where)
    head = from_arrays(arrays)
    if (head.standardize.scale <= 0).any() or any((norm.variance < 0).any() for norm in head.norms):
        raise UserError(f"{where} is damaged: a scale or a variance is not positive.")
    return head


def _reference_of(arrays: dict[str, npt.NDArray[np.float64]], where: Path) -> Reference:
    features, rows = arrays.get("mean", np.empty(0)).size, len(np.atleast_1d(arrays.get("directions", np.empty(0))))
    shapes = {"mean": (features,), "deviation": (features,), "directions": (max(rows, 1), features)}
    _expect(arrays, shapes, where)
    reference = Reference(*(arrays[name] for name in Reference._fields))
    if (reference.deviation <= 0).any():
        raise UserError(f"{where} is damaged: a deviation is not positive.")
    return reference


def _expect(arrays: dict[str, npt.NDArray[np.float64]], shapes: dict[str, tuple[int, ...]], where: Path) -> None:
    """Raise a `UserError` unless the arrays have exactly these names and shapes."""
    for name in sorted(shapes.keys() | arrays.keys()):
        found = arrays[name].shape if name in arrays else "none"
        if found != shapes.get(name):
            raise UserError(
                f"{where} does not fit the classifier: of the array {name} the shape {shapes.get(name, 'none')} was "
                f"expected, found {found}."
            )
