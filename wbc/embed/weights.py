"""Weights of the backbone: their file, and the check of its SHA-256."""

from pathlib import Path

from wbc.common.errors import UserError
from wbc.common.files import sha256

# The weights that are published with this version: EfficientNetB0, trained on blood cells.
BLOOD_SHA256 = "48393515eb9e9ec228579b5ba7bb65f11b1c737a5c41fd197972c216808eb0e0"
# Range of the share of an image that a cell filled in their training, as `wbc.split.foreground` measures it. The median
# of Barcelona's classes is 0.13; `domain_augmentation.zoom` of pretraining/params.yaml enlarged the sides 0.9 to 2.2
# times.
BLOOD_FOREGROUND = (0.11, 0.63)


def find_weights(weights: str, expected: str | None, blood: Path) -> tuple[Path | str, str | None]:
    """Return the weights for `backbones.build`, and the SHA-256 of their file, or None without a file.

    Args:
        weights: blood, imagenet, random, or the path of a `.weights.h5` file.
        expected: SHA-256, in hexadecimal, that a file named by its path must have.
        blood: the file of the weights `blood`.

    Raises:
        UserError: the file doesn't exist, or has another SHA-256.
    """
    if weights in ("imagenet", "random"):
        return weights, None
    path = blood if weights == "blood" else Path(weights).expanduser()
    if not path.is_file():
        raise UserError(
            f"Expected blood, imagenet, random, or the path of a .weights.h5 file as the backbone's weights, found "
            f"{weights!r}, and there is no file {path}."
        )
    digest = sha256(path)
    if weights == "blood" and digest != BLOOD_SHA256:
        raise UserError(
            f"{path} has SHA-256 {digest}, and the weights that were published with this version {BLOOD_SHA256}: it "
            "is damaged, or was trained anew. Fetch it again by `git checkout -- pretraining`; if it is the one you "
            "mean, name it by its path and its SHA-256."
        )
    if weights != "blood" and (expected or "").lower() != digest:
        raise UserError(
            f"The weights {path} have SHA-256 {digest}, and `weights_sha256` is {expected}. If this is the file that "
            f"you mean, set `weights_sha256: {digest}`."
        )
    return path, digest
