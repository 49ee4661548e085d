"""package: the pretrained classifier, as wbc/predict/pretrained/ ships it.

    python -m pretraining.package

Copies pretraining/classifier/ and pretraining/fingerprints.npz, builds the backbone's frozen graph from
pretraining/efficientnetb0.weights.h5, and adds the scores of pretraining/classifier.json. With the graph in the
package, prediction needs no TensorFlow.
"""

import shutil
from pathlib import Path

from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import read_json, replacing, sha256, write_json
from wbc.embed import backbones, engines
from wbc.embed.tensorflow_setup import start
from wbc.export.packaging import BACKBONE, DECISION, FINGERPRINTS, read_facts, read_package

FITTED, WEIGHTS = Path("pretraining/classifier"), Path("pretraining/efficientnetb0.weights.h5")
KNOWN, SCORES = Path("pretraining/fingerprints.npz"), Path("pretraining/classifier.json")
OUTPUT = Path("wbc/predict/pretrained")
PLACES = {"pbc_test": "its own laboratory", "bccd": "BCCD, another laboratory"}  # that the score names


@exit_on_user_error
def main() -> None:
    """Write the pretrained classifier, and check that it can be read."""
    with advise("`git checkout pretraining` restores it."):
        facts = read_facts(FITTED)
        if sha256(WEIGHTS) != facts.weights_sha256:
            raise UserError(f"{WEIGHTS} is not the file that {FITTED / DECISION} names.")
    with replacing(OUTPUT) as folder:
        folder.mkdir()
        for name in facts.sha256:
            shutil.copyfile(FITTED / name, folder / name)
        (folder / BACKBONE).write_bytes(backbone(facts.image_size))
        shutil.copyfile(KNOWN, folder / FINGERPRINTS)
        digests = facts.sha256 | {name: sha256(folder / name) for name in (BACKBONE, FINGERPRINTS)}
        content = facts.model_copy(update={"sha256": digests, "score": score()}).model_dump(mode="json")
        write_json(folder / DECISION, content)
        read_package(folder)
    print(f"{OUTPUT}: trained on {facts.trained_on}; {score()}")


def score() -> str:
    """Return the classifier's scores in words."""
    scored = read_json(SCORES)["scored"]
    found = [f"{scored[name]['balanced_accuracy']:.2f} on {place}" for name, place in PLACES.items() if name in scored]
    return f"balanced accuracy {', '.join(found)}"


def backbone(size: int) -> bytes:
    """Return the backbone's frozen graph, which OpenVINO reads, for images of `size` pixels."""
    start(seed=0)
    return engines.build("openvino", backbones.build(size, WEIGHTS)).content


if __name__ == "__main__":
    main()
