"""Run the pipeline anew in a clone of the last commit and say what differs from what that commit holds.

    python -m tools.verify

The same kind of machine gives the same bytes. Another kind of CPU rounds differently in the last bits, and training
carries that as far as some test images, up to three between CPUs with AVX2 and with AVX-512: so a metric may differ by
`TOLERANCE`, or by what `IMAGES` test images make of it. Exit status 0 if none differs by more.

With --here, the results in this folder are compared instead of a clone's: for CI, which has just run `dvc repro`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

TOLERANCE = 0.02  # absolute, of any metric ...
IMAGES = 4  # ... or this many test images called otherwise, of the class for a class's metrics
ROUNDING = 1e-4  # of the reported digits
COUNTS = (
    ".images.",
    "parameters.",
    ".support",
    "synthetic",
    ".sources.",
    ".folds",
    ".confidence_level",
    ".n_resamples",
)  # may not differ
# How it got there, not how good it is; and intervals: they follow from the same predictions, and one image can decide
# of which kind one is, which moves it far.
IGNORED = ("epochs", "best_epoch", "wilson", "low", "high")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", action="store_true", help="compare this folder's results with the last commit's")
    if parser.parse_args().here:
        sys.exit(compare(Path(), Path()))
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        if subprocess.run(["git", "diff", "--quiet", "HEAD"]).returncode:
            print("note: uncommitted changes are not part of this", file=sys.stderr)
        subprocess.run(["dvc", "repro", "--force"], cwd=clone, check=True, stdout=sys.stderr)
        sys.exit(compare(Path(), clone))


def compare(repository, run):
    """Print how the results in folder `run` differ from `repository`'s last commit, and return the exit status."""
    committed, found = show(repository, "dvc.lock"), (run / "dvc.lock").read_text(encoding="utf-8")
    if committed == found:
        print("dvc.lock is the committed one, byte for byte: every input, parameter and output is the same.")
        return 0
    committed, found = outputs(yaml.safe_load(committed)), outputs(yaml.safe_load(found))
    differing = sorted(path for path in committed.keys() | found.keys() if committed.get(path) != found.get(path))
    print(
        f"{len(committed) - len(differing)} of {len(committed)} outputs are the committed ones, byte for "
        "byte. These differ:"
    )
    print("\n".join(f"  {path}" for path in differing))

    largest, beyond = (0.0, "none"), []
    for path in read_yaml(run / "dvc.yaml")["metrics"]:
        before, after = flat(json.loads(show(repository, path))), flat(json.loads((run / path).read_text()))
        for key in sorted(before.keys() | after.keys()):
            if key.rpartition(".")[2] in IGNORED:
                continue
            old, new = before.get(key), after.get(key)
            change = abs(new - old) if old is not None and new is not None else float("inf")
            allowed = tolerance(key, before)
            largest = max(largest, (change, f"{path}: {key}"))
            if change > allowed:
                beyond.append(f"  {path}: {key} was {old}, is {new}")
    print(
        f"Largest difference of a metric: {largest[0]:.4f} ({largest[1]}); "
        f"{TOLERANCE} or {IMAGES} test images are allowed."
    )
    if beyond:
        print("Beyond what is allowed:", *beyond, sep="\n")
        print("Next: look at `dvc metrics diff`; if the change is meant, commit dvc.lock and reports/.")
    return int(bool(beyond))


def tolerance(key, metrics):
    """Return by how much the metric `key` of flat `metrics` may differ."""
    if any(count in f".{key}" for count in COUNTS):
        return 0
    *sections, _ = key.split(".")
    if "per_class" in sections:
        tested = metrics.get(".".join([*sections, "support"]), 0)
    elif "cells" in sections:
        tested = sum(value for name, value in metrics.items() if name.startswith("cells.") and ".support" in name)
    else:
        tested = metrics.get("images.test", metrics.get("images.all", 0))
    return max(TOLERANCE, IMAGES / tested) + ROUNDING if tested else TOLERANCE


def outputs(lock):
    """Return {path: hash} of every output in a parsed dvc.lock."""
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


def flat(content, prefix=""):
    """Return nested dicts of numbers as one dict with dotted keys."""
    if not isinstance(content, dict):
        return {prefix[:-1]: content}
    return {key: value for name, inner in content.items() for key, value in flat(inner, f"{prefix}{name}.").items()}


def show(repository, path):
    """Return the text of a file as the last commit has it."""
    return subprocess.run(
        ["git", "show", f"HEAD:{path}"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout


def read_yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
