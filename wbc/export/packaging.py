"""The folder that a classifier is shipped in, and the file in it that says what it is: decision.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wbc.common.errors import UserError
from wbc.common.files import sha256, write_json
from wbc.export.decision import Decision, to_json
from wbc.export.framing import ANY, Range

BACKBONE, DECISION, REFERENCE = "backbone.pb", "decision.json", "reference.npz"  # names of what is shipped


def write_facts(
    folder: Path,
    decision: Decision,
    *,
    heads: Sequence[str],
    image_size: int,
    test_views: int,
    learned_from: str,
    synthetic: bool,
    foreground: Range,
    weights_sha256: str | None = None,
) -> None:
    """Write decision.json, with the SHA-256 of all that already lies in the folder.

    Args:
        folder: of the classifier; its files are there.
        decision: when it may answer.
        heads: names of the heads' files, whose mean is asked.
        image_size: side in pixels of what the backbone takes.
        test_views: orientations of an image whose features are averaged.
        learned_from: in words.
        synthetic: whether these were drawn cells only, of which it then warns.
        foreground: how much of its picture a cell covered in those.
        weights_sha256: of the weights that its backbone is yet to be built from; None where it is in the folder.
    """
    facts = {**to_json(decision), "heads": list(heads), "image_size": image_size, "test_views": test_views}
    facts |= {"learned_from": learned_from, "synthetic": synthetic, "foreground": list(foreground)}
    facts["sha256"] = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    if weights_sha256:
        facts["weights_sha256"] = weights_sha256
    write_json(folder / DECISION, facts)


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what decision.json says, once every file that it names is there and is the one that was shipped.

    Raises:
        UserError: a file is missing or another, or decision.json is damaged.
    """
    try:
        facts = json.loads((folder / DECISION).read_text(encoding="utf-8"))
        facts = {"synthetic": False, "foreground": ANY, **facts}  # those of earlier versions don't say
        for name, digest in facts["sha256"].items():
            if sha256(folder / name) != digest:
                raise UserError(
                    f"{folder / name} is not the file that was shipped: its SHA-256 is another. Fetch it again."
                )
    except FileNotFoundError as error:
        raise UserError(
            f"{error.filename} is not there; the classifier consists of {DECISION} and the files that it names."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / DECISION} is damaged: {error}.") from None
    return facts
