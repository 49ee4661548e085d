"""Compare the time of the pipeline with a naive script, on the same machine.

    make bench                                             # 3,500 drawn tiles
    make bench ARCHIVE=/path/to/cells.zip                  # other images
    python -m benchmarks --archive cells.zip --output bench.md

First times the default run, three rounds of it. Then times the tiles, where all trainings run all epochs, here and in
`naive.py`. Works in clones of the last commit with caches of their own, and changes nothing here. Takes half an hour on
two cores. Timings differ between runs and machines; their ratios differ less.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import joblib
import yaml

from benchmarks import passes
from benchmarks.watch import Watched, watch
from wbc.common.errors import exit_on_user_error
from wbc.common.files import replacing
from wbc.predict.outputs import file_to_write

ROUNDS = 3  # of the default run
IMPORT = "import of TensorFlow"  # the unit


@exit_on_user_error
def main() -> None:
    """Run the benchmarks that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, help="a zip or folder of class folders; default: 3,500 drawn tiles")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--output", metavar="FILE", help="write the tables there too, as Markdown")
    options = parser.parse_args()
    output = options.output and file_to_write(options.output)

    lines = [
        f"Machine: {joblib.cpu_count()} cores, {_processor()}. Command: `{' '.join(['make bench', *_words(options)])}`"
    ]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rounds = [_default_run(Path(folder, f"default-{number}"), number) for number in range(ROUNDS)]
        lines += _table_of_rounds(rounds)
        clone, environment = _clone(Path(folder, "tiles"))
        settings = _set(clone, options)
        lines += _whole(clone, environment, settings["image_size"], options.epochs)
        print("bench: engines", file=sys.stderr, flush=True)
        files = sorted(file for file in (clone / "data/images").rglob("*") if file.is_file())
        lines += passes.measure(files, settings)
        print("bench: predicting", file=sys.stderr, flush=True)
        lines += passes.measure_predicting(files, clone / "models/deployed")
    text = "\n".join(lines)
    print(f"\n{text}")
    if output:
        with replacing(output) as partial:
            partial.write_text(f"{text}\n", encoding="utf-8")


def _clone(folder: Path) -> tuple[Path, dict[str, str]]:
    """Return a clone of the last commit, and the environment in which it has no cache of anybody else."""
    subprocess.run(["git", "clone", "--quiet", ".", folder], check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return folder, os.environ | {"PATH": path, "FEATURE_CACHE": f"{folder}.features", "PYTHONPATH": str(folder)}


def _default_run(folder: Path, number: int) -> dict[str, float]:
    """Time one round of the default run in a new clone; return {what: seconds}."""
    clone, environment = _clone(folder)

    def seconds(label: str, *command: str | Path) -> float:
        print(f"bench: round {number + 1} of {ROUNDS}, default run, {label}", file=sys.stderr, flush=True)
        return watch(command, clone, environment).seconds

    found = {IMPORT: seconds(IMPORT, sys.executable, "-c", "import tensorflow")}
    found["cold run"] = seconds("cold", "dvc", "repro")
    content = _read(clone)
    content["train"]["head"]["dropout"] = 0.25
    _write(clone, content)
    found["changed head to report"] = seconds("changed head to report", "dvc", "repro", "plot")
    found["changed head to exported files"] = found["changed head to report"] + seconds("export", "dvc", "repro")
    found["nothing changed"] = seconds("nothing changed", "dvc", "repro")
    image = next((clone / "data/images").rglob("*.jpg"))
    predict = (sys.executable, "-m", "wbc.cli", "predict", image, "--output", clone / "one.csv")
    return found | {"`wbc predict` of one image": seconds("predicting", *predict)}


def _table_of_rounds(rounds: list[dict[str, float]]) -> list[str]:
    """Return the median and range of each time, and its median ratio to one import of TensorFlow, as Markdown."""
    lines = ["", "| default run | seconds: median (range) | imports of TensorFlow |", "|---|---:|---:|"]
    for name in rounds[0]:
        values = sorted(found[name] for found in rounds)
        ratio = statistics.median(found[name] / found[IMPORT] for found in rounds)
        lines.append(f"| {name} | {statistics.median(values):.1f} ({values[0]:.1f}–{values[-1]:.1f}) | {ratio:.1f} |")
    return lines


def _set(clone: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Set the clone's parameters for the benchmark; return their section `embed`."""
    content = _read(clone)
    if options.archive:
        content["fetch"] |= {"source": "archive", "archive": str(options.archive.absolute())}
    else:
        content["fetch"]["synthetic"] |= {"cells_per_class": 100, "copies_per_cell": 7}
    content["train"]["optimizer"] |= {"epochs": options.epochs, "stop_patience": options.epochs}
    _write(clone, content)
    return content["embed"]


def _whole(clone: Path, environment: dict[str, str], size: int, epochs: int) -> list[str]:
    """Time a cold run, a changed head, nothing changed, and the naive script; return lines of Markdown."""

    def repro(label: str, *targets: str) -> Watched:
        print(f"bench: tiles, {label}", file=sys.stderr, flush=True)
        return watch(["dvc", "repro", *targets], clone, environment)

    cold = repro("a cold run")
    content = _read(clone)
    content["train"]["head"]["dropout"] = 0.25
    _write(clone, content)
    head, export, nothing = repro("a changed head", "plot"), repro("export"), repro("nothing changed")
    print("bench: tiles, the naive script", file=sys.stderr, flush=True)
    script: list[str | Path] = [
        sys.executable,
        "-m",
        "benchmarks.naive",
        "data/images",
        passes.WEIGHTS,
        "--size",
        str(size),
    ]
    naive = watch([*script, "--epochs", str(epochs)], clone, environment)

    images = len((clone / "data/manifest.csv").read_text(encoding="utf-8").splitlines()) - 1
    heads = len(list((clone / "models/heads").rglob("*.npz")))
    times = [
        ("cold run", cold.seconds),
        ("changed head to report", head.seconds),
        ("changed head to exported files", head.seconds + export.seconds),
        ("nothing changed", nothing.seconds),
        ("naive script", naive.seconds),
    ]
    again = head.stages | export.stages
    return [
        "",
        f"{images:,} images at {size} px, {epochs} epochs per training. A run trains {heads} heads, the script one.",
        "",
        "| tiles | seconds | naive script / this |",
        "|---|---:|---:|",
        *(f"| {name} | {seconds:.1f} | {naive.seconds / seconds:.1f} |" for name, seconds in times),
        "",
        f"Peak memory: cold run {_mega(cold.peak)}, naive script {_mega(naive.peak)}. The stage split takes "
        f"{1000 * cold.stages['split'][0] / images:.1f} ms per image.",
        "",
        "| stage | cold run: seconds | peak memory | changed head: seconds |",
        "|---|---:|---:|---:|",
        *(
            f"| {stage} | {seconds:.1f} | {_mega(peak)} | {f'{again[stage][0]:.1f}' if stage in again else '–'} |"
            for stage, (seconds, peak) in cold.stages.items()
        ),
    ]


def _words(options: argparse.Namespace) -> list[str]:
    return [f"ARCHIVE={options.archive.name}"] if options.archive else []


def _processor() -> str:
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _lines(path: Path | str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []


def _mega(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


def _read(clone: Path) -> dict[str, Any]:
    return yaml.safe_load((clone / "params.yaml").read_text(encoding="utf-8"))


def _write(clone: Path, content: dict[str, Any]) -> None:
    (clone / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


if __name__ == "__main__":
    main()
