"""Choose the head among the candidates in research/heads.yaml by nested cross-validation by group.

    python -m research.choose_head --output /tmp/heads.md

Reads params.yaml, data/features/, data/splits.csv and data/folds.csv. Runs no backbone and changes nothing. Images in
the test part of the scheme `grouped` are left out, so that this part still tests the choice.

The score of a candidate is the balanced accuracy of its predictions for all folds, every cell weighing once. The best
of several such scores is the best partly by chance. So the whole procedure, choice included, has its own score. For
each fold, cross-validation on the other folds makes the choice, and the chosen head is tested on this fold: Varma and
Simon, Bias in error estimation when using cross-validation for model selection, BMC Bioinformatics 7:91, 2006. If the
folds choose different candidates, the differences among them are noise.

With five folds, a candidate takes 15 trainings. Each result is kept in .cache/heads/, so after an interruption, or with
one candidate more, only missing heads are trained.
"""

import argparse
import copy
import functools
import hashlib
import itertools
import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydantic
import yaml

from wbc.common import params
from wbc.common.code_digest import code_digest
from wbc.common.errors import UserError, exit_on_user_error
from wbc.common.files import replacing
from wbc.common.progress import track
from wbc.embed.features import Features
from wbc.evaluate.metrics import cell_weights, score
from wbc.evaluate.params import IntervalParams
from wbc.evaluate.scoring import describe
from wbc.predict.outputs import file_to_write
from wbc.split.table import Round, Rows, Splits
from wbc.train import adam, cross_validation, exact, fitting, head, layers
from wbc.train.cross_validation import fit_predict
from wbc.train.params import FitParams

# Digest of the code that a head depends on, besides data and settings.
CODE = code_digest(tuple(module.__name__ for module in (adam, cross_validation, exact, fitting, head, layers)))


class Candidate(NamedTuple):
    """A head that may be chosen."""

    overrides: dict  # {dotted parameter: value}, its changes of params.yaml
    settings: FitParams
    columns: int  # of the features that it is trained on: the zooms and its random views


class Outcome(NamedTuple):
    """Result of nested cross-validation."""

    probabilities: dict  # {candidate: float array (images, classes)}, each fold by a head trained without it
    choices: list  # for each fold, the candidate that the other folds choose
    nested: np.ndarray  # float array (images, classes), each fold by the candidate that the other folds choose


@exit_on_user_error
def main() -> None:
    """Train all candidates, and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--candidates", default=Path(__file__).with_name("heads.yaml"), help="default: research/heads.yaml"
    )
    parser.add_argument("--output", metavar="FILE", help="write the result there too, as Markdown")
    options = parser.parse_args()
    output = options.output and file_to_write(options.output)

    intervals = params.load("params.yaml", "intervals", IntervalParams)
    data = read_data()
    content = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    candidates = read_candidates(options.candidates, content, data.features)
    trainer = Trainer(data, candidates)
    outcome = cross_validate(data.fold, list(candidates), len(data.classes), data.outside, trainer.fit, data.quality)
    text = "\n".join(report(data, candidates, outcome, intervals))
    print(f"\n{text}")
    if output:
        with replacing(output) as partial:
            partial.write_text(f"{text}\n", encoding="utf-8")


class Data(NamedTuple):
    """The images that heads are chosen on."""

    features: np.ndarray  # float16 (images, zooms + views, n)
    labels: np.ndarray  # int (images,), class numbers
    fold: np.ndarray  # int (images,)
    rounds: dict[int, Round]  # of each fold, by row numbers of these images
    groups: np.ndarray  # int (images,), equal for the images of a cell
    classes: list[str]

    def outside(self, held: Sequence[int]) -> tuple[Rows, Rows]:
        """Return the rows to train on and to stop on when some folds are held out; see `rows_outside`."""
        return rows_outside(self.rounds, held)

    def quality(self, rows: Any, probabilities: np.ndarray) -> float:
        """Return the balanced accuracy of the probabilities of some rows, every cell weighing once."""
        weights = cell_weights(self.groups[rows])
        return score(self.labels[rows], probabilities.argmax(axis=1), weights)["balanced_accuracy"]


def read_data() -> Data:
    """Return the images outside the test part of the scheme `grouped`."""
    splits = Splits.load(Path("data"))
    features = Features.load(Path("data/features"), len(splits.table)).array
    is_kept = (splits.table["grouped"] != "test").to_numpy()
    kept = Splits(splits.table[is_kept], splits.folds[splits.folds["path"].isin(splits.table["path"][is_kept])])
    rounds = {one.fold: one for one in kept.rounds()}
    groups = kept.table["photo_id"].to_numpy()
    return Data(features[is_kept], splits.labels[is_kept], kept.fold, rounds, groups, splits.classes)


def rows_outside(rounds: dict[int, Round], held: Sequence[int]) -> tuple[Rows, Rows]:
    """Return the rows to train on and to stop on when one fold or several are held out: (train, valid).

    They are the rows of a head of the first held-out fold: the first head that stops on a fold that is not held out.
    Images that another held-out fold scores or excludes are removed. If only one fold is left, all of it is trained on.

    Args:
        rounds: of each fold.
        held: fold numbers, ascending.
    """
    first, usable = rounds[held[0]], functools.reduce(np.intersect1d, (rounds[number].train for number in held))
    if len(rounds) - len(held) == 1:
        return usable, usable[:0]
    for number in range(1, 1 + len(held)):
        train, valid = (rows[np.isin(rows, usable)] for rows in first.for_head(number))
        if len(valid):
            break
    return train, valid


class Trainer:
    """Training of heads, with a cache of their predictions in .cache/heads/."""

    def __init__(self, data: Data, candidates: dict[str, Candidate]) -> None:
        self.data, self.candidates = data, candidates
        self.digest = hashlib.sha256(data.features.tobytes() + data.labels.tobytes()).hexdigest()

    def fit(self, name: str, train: np.ndarray, valid: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Return the probabilities (test rows, classes) of a candidate's head trained on the rows `train`."""
        _, settings, columns = self.candidates[name]
        made_of = [self.digest, CODE, settings.model_dump(), columns, *(rows.tolist() for rows in (train, valid, test))]
        file = Path(".cache/heads", f"{hashlib.sha256(json.dumps(made_of).encode()).hexdigest()}.npy")
        if not file.exists():
            features, classes = self.data.features[:, :columns], len(self.data.classes)
            predicted = fit_predict(features, self.data.labels, classes, train, valid, test, settings)
            with replacing(file) as partial:
                np.save(partial, predicted)
        return np.load(file, allow_pickle=False)


def report(data: Data, candidates: dict[str, Candidate], outcome: Outcome, intervals: IntervalParams) -> list[str]:
    """Return the results as lines of Markdown."""
    scores = {name: data.quality(slice(None), outcome.probabilities[name]) for name in candidates}
    best = max(candidates, key=lambda name: scores[name])
    folds_count = len(outcome.choices)
    return [
        f"Balanced accuracy of {len(data.labels):,} images of {len(np.unique(data.groups)):,} cells, each cell "
        f"weighing once, in {folds_count} folds by group. The test part of `grouped` is left out.",
        "",
        f"| candidate | cross-validated | {intervals.confidence_level * 100:g} % interval | chosen by folds |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {described(data, outcome.probabilities[name], intervals)} | "
            f"{outcome.choices.count(name)} of {folds_count} |"
            for name in candidates
        ),
        f"| *choose, then test* | {described(data, outcome.nested, intervals)} | |",
        "",
        f"Best: {best}. Expect of it what the last row says, not its own, which chance has helped to the top.",
        command(candidates[best].overrides),
    ]


def described(data: Data, probabilities: np.ndarray, intervals: IntervalParams) -> str:
    """Return the balanced accuracy of all images' probabilities and its interval, as two cells of a table."""
    scores = describe(data.labels, probabilities, data.groups, data.classes, {}, intervals)
    low, high = scores["intervals"]["cells"]["balanced_accuracy"].values()
    return f"{data.quality(slice(None), probabilities):.3f} | {low:.3f}–{high:.3f}"


def read_candidates(path: Path | str, content: dict[str, Any], features: np.ndarray) -> dict[str, Candidate]:
    """Return {name: Candidate} of the YAML file at `path`.

    Args:
        path: a mapping of names to mappings of dotted parameters to values.
        content: what params.yaml holds.
        features: array (images, zooms + views, n) that the heads will train on.

    Raises:
        UserError: a key can't be set here, or a value is out of its range.
    """
    candidates = {}
    for name, overrides in yaml.safe_load(Path(path).read_text(encoding="utf-8")).items():
        changed = copy.deepcopy({"train": content["train"], "embed": {"views": content["embed"]["views"]}})
        for key, value in overrides.items():
            section: Any = changed
            *parents, last = key.split(".")
            for parent in parents:
                section = section.get(parent) if isinstance(section, dict) else None
            if not isinstance(section, dict) or last not in section:
                raise UserError(
                    f"{path}: the candidate “{name}” sets `{key}`, which is not a parameter of `train` in params.yaml, "
                    "nor `embed.views`. Correct the key, then type the command again."
                )
            section[last] = value
        try:
            settings = FitParams.model_validate({name: changed["train"][name] for name in FitParams.model_fields})
        except pydantic.ValidationError as error:
            faults = "; ".join(f"`train.{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors())
            raise UserError(f"{path}: the candidate “{name}” can't be used: {faults}.") from None
        views, most = changed["embed"]["views"], features.shape[1] - len(content["embed"]["zooms"])
        if not (isinstance(views, int) and 0 <= views <= most):
            raise UserError(
                f"{path}: the candidate “{name}” wants {views} views per image, and data/features/ holds "
                f"{most}. Choose fewer, or raise `embed.views` in params.yaml and type `dvc repro`."
            )
        candidates[name] = Candidate(overrides, settings, features.shape[1] - most + views)
    return candidates


def cross_validate(
    fold: np.ndarray,
    names: list[str],
    classes: int,
    outside: Callable[[Sequence[int]], tuple[np.ndarray, np.ndarray]],
    fit: Callable[[str, np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    quality: Callable[[Any, np.ndarray], float],
) -> Outcome:
    """Cross-validate each candidate, and the choice among them.

    A head trained without folds a and b is used twice: scored on a for the choice of b, and on b for the choice of a.

    Args:
        fold: int array (images,), at least three different.
        names: the candidates; of equal ones the first is chosen.
        classes: number of classes.
        outside: outside(folds) returns the rows to train on and to stop on when these are held out.
        fit: fit(name, train, valid, test) returns the probabilities (test images, classes) of a head trained on rows
            `train`.
        quality: quality(rows, probabilities) returns a number, higher for better.

    Returns:
        an `Outcome`.

    Raises:
        UserError: there are fewer than three folds.
    """
    numbers = np.unique(fold).tolist()
    if len(numbers) < 3:
        raise UserError(
            f"The images are in {len(numbers)} folds, and nested cross-validation needs at least three. "
            "Raise `split.folds` in params.yaml, then type `dvc repro`."
        )
    held_out = [*itertools.combinations(numbers, 1), *itertools.combinations(numbers, 2)]
    out_of_folds = {}
    for name, held in track(list(itertools.product(names, held_out)), "choose", unit="heads"):
        out_of_folds[name, held] = np.full((len(fold), classes), np.nan)
        test = np.flatnonzero(np.isin(fold, held))
        out_of_folds[name, held][test] = fit(name, *outside(held), test)

    probabilities = {name: np.empty((len(fold), classes)) for name in names}
    nested, choices = np.empty((len(fold), classes)), []
    for number in numbers:
        here, others = fold == number, np.flatnonzero(fold != number)
        inner = {}
        for name in names:
            probabilities[name][here] = out_of_folds[name, (number,)][here]
            inner[name] = np.empty((len(fold), classes))
            for second in set(numbers) - {number}:
                pair = (min(number, second), max(number, second))
                inner[name][fold == second] = out_of_folds[name, pair][fold == second]
        scores = [quality(others, inner[name][others]) for name in names]
        choices.append(names[scores.index(max(scores))])
        nested[here] = probabilities[choices[-1]][here]
    return Outcome(probabilities, choices, nested)


def command(overrides: dict[str, Any]) -> str:
    """Return a sentence with the command that applies a candidate's overrides."""
    if not overrides:
        return "params.yaml already holds these values: there is nothing to change."
    words = ["dvc", "exp", "run"]
    for key, value in overrides.items():
        words += ["-S", f"{key}={value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"]
    return f"To take it over: {shlex.join(words)}"


if __name__ == "__main__":
    main()
