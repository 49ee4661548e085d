"""audit: the groups that were found held against the truth, where the truth is known.

    python -m stages.audit

Reads data/truth.csv, which no other stage reads, and data/splits.csv; cells that the user gave are the truth where
there is no other. Writes reports/truth.json: {"known": false}, or "known": true with what
`wbc.evaluate.truth.score_against_truth` returns.
"""

import pandas as pd

from wbc.common.errors import UserError, exit_on_user_error
from wbc.common.files import write_json
from wbc.common.tables import read_csv
from wbc.evaluate.truth import score_against_truth


@exit_on_user_error
def main() -> None:
    """Compare what the search recognized with the truth, where that is known."""
    splits, truth = read_csv("data/splits.csv"), read_csv("data/truth.csv")
    if truth.empty and "given_cell" in splits:
        known = splits[splits["given_cell"] != ""].reset_index(drop=True)
        write_scores(known, known["given_cell"])
        return
    if truth.empty:
        write_json("reports/truth.json", {"known": False})
        print("which images show one cell is not known of these images: the search can't be scored on them")
        return
    cells = splits["path"].map(truth.set_index("path")["cell"])
    if cells.isna().any():
        raise UserError(
            f"data/truth.csv has no line for {splits['path'][cells.isna()].iloc[0]}: it is of other images than "
            "data/splits.csv. Type `dvc repro`."
        )
    write_scores(splits, cells)


def write_scores(splits: pd.DataFrame, cells: pd.Series) -> None:
    """Score the groups of images whose cells are known, and write and print what came of it."""
    scores = score_against_truth(splits, cells)
    write_json("reports/truth.json", {"known": True, **scores})
    recall = scores["photo_id"]["pair_recall"]
    leak = ", ".join(f"{name} {share:.1%}" for name, share in scores["leak"].items() if share is not None)
    print(
        f"{scores['cells']:,} cells were taken for {scores['groups']:,}; recognized were "
        f"{'no' if recall is None else f'{recall:.1%} of the'} pairs of copies"
    )
    print(f"scored images with a true copy in training: {leak}")


if __name__ == "__main__":
    main()
