"""Compare the time of the pipeline with a naive script, on the same machine.

    make bench                                             # 3,500 drawn tiles
    make bench ARCHIVE=/path/to/cells.zip                  # other images
    python -m benchmarks --archive cells.zip --output bench.md

Works in a clone of the last commit with its own cache, and changes nothing here. All trainings run all epochs, here and
in `naive.py`. With 3,500 images of 80 pixels it takes half an hour on two cores. Timings differ between runs and
machines; their ratios differ less.
"""

import argparse
import os
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
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "FEATURE_CACHE": f"{folder}/features",
            "PYTHONPATH": str(clone),
        }
        settings = _set(clone, options)
        lines += _whole(clone, environment, settings["image_size"], options.epochs)
        print("bench: engines", file=sys.stderr, flush=True)
        files = sorted(file for file in (clone / "data/images").rglob("*") if file.is_file())
        lines += passes.measure(files, settings)
        print("bench: predicting", file=sys.stderr, flush=True)
        lines += passes.measure_predicting(files, clone / "models/deployed")
        lines += _first_prediction(clone, environment, files[0])
    text = "\n".join(lines)
    print(f"\n{text}")
    if output:
        with replacing(output) as partial:
            partial.write_text(f"{text}\n", encoding="utf-8")


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

    def repro(label: str) -> Watched:
        print(f"bench: {label}", file=sys.stderr, flush=True)
        return watch(["dvc", "repro"], clone, environment)

    cold = repro("a cold run")
    content = _read(clone)
    content["train"]["head"]["dropout"] = 0.25
    _write(clone, content)
    head, nothing = repro("a changed head"), repro("nothing changed")
    print("bench: the naive script", file=sys.stderr, flush=True)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "benchmarks.naive",
        "data/images",
        passes.WEIGHTS,
        "--size",
        str(size),
    ]
    naive = watch([*command, "--epochs", str(epochs)], clone, environment)

    images = len((clone / "data/manifest.csv").read_text(encoding="utf-8").splitlines()) - 1
    rows = [("cold run", cold), ("changed head to new report", head), ("nothing changed", nothing)]
    return [
        "",
        f"{images:,} images at {size} px, {epochs} epochs per training; a run trains seven heads (two protocols, five "
        "folds), the naive script one.",
        "",
        "| | seconds | naive script / this | peak memory |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {run.seconds:.1f} | {naive.seconds / run.seconds:.1f} | {_mega(run.peak)} |"
            for name, run in rows
        ),
        f"| naive script | {naive.seconds:.1f} | 1 | {_mega(naive.peak)} |",
        "",
        "| stage | cold run: seconds | peak memory | changed head: seconds |",
        "|---|---:|---:|---:|",
        *(
            f"| {stage} | {seconds:.1f} | {_mega(peak)} | "
            + (f"{head.stages[stage][0]:.1f} |" if stage in head.stages else "– |")
            for stage, (seconds, peak) in cold.stages.items()
        ),
    ]


def _first_prediction(clone: Path, environment: dict[str, str], file: Path) -> list[str]:
    """Time `wbc predict` on one image, from the command to the end of the process; return lines of Markdown."""
    command: list[str | Path] = [sys.executable, "-m", "wbc.cli", "predict", file, "--model", "models/deployed"]
    command += ["--output", clone / "one.csv"]
    seconds = [watch(command, clone, environment).seconds for _ in range(passes.ROUNDS)]
    return [
        "",
        f"One image by `wbc predict`, the start of Python included, {passes.ROUNDS} times: "
        f"{passes.spread(seconds, 1)} s.",
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
