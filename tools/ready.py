"""Build models/pretrained/, the pretrained classifier of photographed cells: no images of yours are needed.

    make pretrained                                            # or python -m tools.ready
    wbc predict /path/to/cells

pretraining/classifier/ holds its head, and pretraining/README.md says what it was trained on, its scores and where it
fails. Its backbone is built here from the weights beside it, so that Git need not hold it twice.
"""

import shutil
from pathlib import Path

from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import read_json, replacing, sha256, write_json
from wbc.export.packaging import BACKBONE, DECISION, read_facts
from wbc.predict.classifier import Classifier, pretrained_folder
from wbc.predict.outputs import folder_to_write

PACKED, WEIGHTS = Path("pretraining/classifier"), Path("pretraining/efficientnetb0.weights.h5")
SCORES = Path("pretraining/classifier.json")
PLACES = {"pbc_test": "its own laboratory", "bccd": "BCCD, another laboratory"}  # that the score names


@exit_on_user_error
def main() -> None:
    """Build the classifier, and check that it opens."""
    output = pretrained_folder()
    with advise("`git checkout pretraining` restores it."):
        facts = read_facts(PACKED)
        if sha256(WEIGHTS) != facts.weights_sha256:
            raise UserError(f"{WEIGHTS} is not the file that {PACKED / DECISION} names.")
    folder_to_write(output, [BACKBONE, DECISION, *facts.sha256])
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        for name in facts.sha256:
            shutil.copyfile(PACKED / name, folder / name)
        (folder / BACKBONE).write_bytes(backbone(facts.image_size))
        digests = facts.sha256 | {BACKBONE: sha256(folder / BACKBONE)}
        content = facts.model_copy(update={"sha256": digests, "score": score()}).model_dump(mode="json")
        write_json(folder / DECISION, content)
        Classifier(folder)
    print(f"{output}: trained on {facts.learned_from}; {score()}")


def score() -> str:
    """Return the classifier's scores in words."""
    scored = read_json(SCORES)["scored"]
    found = [f"{scored[name]['balanced_accuracy']:.2f} on {place}" for name, place in PLACES.items()]
    return f"balanced accuracy {', '.join(found)}"


def backbone(size: int) -> bytes:
    """Return the backbone in OpenVINO's form."""
    # TensorFlow takes seconds to import; what is wrong is said before.
    from wbc.embed import backbones, engines
    from wbc.embed.tensorflow_setup import start

    start(seed=0)
    return engines.build("openvino", backbones.build(size, WEIGHTS)).content


if __name__ == "__main__":
    main()
