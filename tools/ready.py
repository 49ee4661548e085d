"""Make models/pretrained/, a classifier of photographed cells that comes with the project: no images of yours are needed.

    make pretrained                                            # or python -m tools.ready
    make predict IMAGES=/path/to/cells MODEL=models/pretrained

pretraining/classifier/ holds what it has learned, and pretraining/README.md says from which cells, what it is worth
and where it fails. Its backbone is built here from the weights beside it, so that Git need not hold it twice.
"""

import shutil
from pathlib import Path

from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import replacing, sha256, write_json
from wbc.export.packaging import BACKBONE, DECISION, read_facts
from wbc.predict.classifier import Classifier
from wbc.predict.outputs import folder_to_write

LEARNED, WEIGHTS = Path("pretraining/classifier"), Path("pretraining/efficientnetb0.weights.h5")
OUTPUT = Path("models/pretrained")
# What to do about a classifier that has learned from drawn cells only, as that of the default run has.
ADVICE = (
    f"`make pretrained` makes {OUTPUT}, which has learned from photographed cells (MODEL={OUTPUT}, or --model {OUTPUT}); "
    "`fetch.archive` in params.yaml names images of your own to learn from."
)


@exit_on_user_error
def main() -> None:
    """Put the classifier together, and look whether it opens."""
    with advise("`git checkout pretraining` brings them as they were."):
        facts = read_facts(LEARNED)
        if sha256(WEIGHTS) != facts["weights_sha256"]:
            raise UserError(f"{WEIGHTS} is not the file that {LEARNED / DECISION} names. ")
    folder_to_write(OUTPUT, [BACKBONE, DECISION, *facts["sha256"]])
    with replacing(OUTPUT) as folder:
        folder.mkdir(parents=True)
        for name in facts["sha256"]:
            shutil.copyfile(LEARNED / name, folder / name)
        (folder / BACKBONE).write_bytes(backbone(facts["image_size"]))
        facts["sha256"][BACKBONE] = sha256(folder / BACKBONE)
        write_json(folder / DECISION, facts)
        Classifier(folder)
    print(f"{OUTPUT}: has learned from {facts['learned_from']}, and is asked by MODEL={OUTPUT}")


def backbone(size: int) -> bytes:
    """Return the backbone in OpenVINO's form."""
    # TensorFlow takes seconds to import; what is wrong is said before.
    from wbc.embed import backbones, engines
    from wbc.embed.tensorflow_setup import start

    start(seed=0)
    return engines.build("openvino", backbones.build(size, WEIGHTS)).content


if __name__ == "__main__":
    main()
