"""Compare shifts of a site's features that need no labels, and look for one that never lowers the scores.

    python -m research.site_centering --output .cache/shift/centering.json

The backbone is the shipped one. Logistic regression is fitted on Barcelona alone, as in research/left_out.py. At each
other laboratory, one vector moves the features of all images before they are classified:

    mean            moves the site's mean to the home's mean;
    balanced        the same for means in which every class weighs the same. The site's classes are the predicted
                    probabilities; a class below 2 % of the site is left out of both means;
    ... half        half of that move;
    ... far         only where the means differ by more than FAR home standard deviations (root mean square).

Each laboratory is scored with its own mix of classes, on which a mean depends, and with an even mix.
"""

import numpy as np
import numpy.typing as npt

from research.laboratories import SHIPPED, output_file, read_cells
from research.left_out import OPTIONS, Described, score_of
from wbc.common.errors import exit_on_user_error
from wbc.common.files import write_json
from wbc.embed.tensorflow_setup import start
from wbc.train.head import Head, predict_proba

FAR = 0.5
LEAST = 0.02  # share of a site's images that a class must have to count
Rows = npt.NDArray[np.floating]


@exit_on_user_error
def main() -> None:
    """Print accuracy and balanced accuracy of every way at every laboratory."""
    output = output_file(__doc__)
    start(seed=0)
    described = Described(read_cells(), SHIPPED)
    home = described.taught["barcelona"]
    head = described.fit(("barcelona",), OPTIONS[0])
    class_means = np.stack([home.features[home.labels == number].mean(axis=0, dtype=float) for number in range(5)])
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, (rows, labels) in described.tests.items():
        if name == "Barcelona":
            continue
        for mix, chosen in (("", np.arange(len(labels))), (", even mix", even(labels))):
            site, true = rows[chosen].astype(float), labels[chosen]
            moves = ways(head, site, class_means)
            print(", ".join(f"{way} {distance(head, moves[way]):.3f}" for way in ("mean", "balanced")), "far")
            found[name + mix] = {way: score_of(head, site - move, true) for way, move in moves.items()}
            shown = (
                f"{way} {row['accuracy']:.3f} / {row['balanced_accuracy']:.3f}"
                for way, row in found[name + mix].items()
            )
            print(f"{name}{mix}: {', '.join(shown)}", flush=True)
    write_json(output, found)


def even(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Return the rows of equally many cells of each class: as many as the rarest has, but ten if available."""
    rows = [np.flatnonzero(labels == number) for number in np.unique(labels)]
    most = max(10, min(map(len, rows)))
    return np.sort(np.concatenate([row[np.linspace(0, len(row) - 1, min(most, len(row))).astype(int)] for row in rows]))


def ways(head: Head, site: Rows, class_means: Rows) -> dict[str, Rows]:
    """Return {way: vector to subtract from the features of a site}.

    Args:
        head: of the home laboratory.
        site: features of the site's images.
        class_means: of the home's classes.
    """
    mean = site.mean(axis=0) - class_means.mean(axis=0)
    probabilities = predict_proba(head, site)
    counts = probabilities.sum(axis=0) >= LEAST * len(site)
    site_means = (probabilities.T @ site) / np.maximum(probabilities.sum(axis=0), 1e-9)[:, None]
    balanced = site_means[counts].mean(axis=0) - class_means[counts].mean(axis=0)
    moves = {"none": np.zeros_like(mean)}
    for name, move in (("mean", mean), ("balanced", balanced)):
        far = distance(head, move) > FAR
        moves |= {name: move, f"{name} half": move / 2, f"{name} far": move * far, f"{name} half far": move / 2 * far}
    return moves


def distance(head: Head, move: Rows) -> float:
    """Return the length of a move, in standard deviations of the home's features (root mean square)."""
    return float(np.sqrt(np.mean((move / head.standardize.scale) ** 2)))


if __name__ == "__main__":
    main()
