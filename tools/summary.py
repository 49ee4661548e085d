"""Summary of a change's effect on the headline, in ten lines of Markdown; CI puts it under a pull request.

    python -m tools.summary [BASE]

BASE is a commit, by default the environment variable BASE, else the commit before the last. The environment variable
REPORT is the address of the report.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from wbc.common.errors import exit_on_user_error
from wbc.common.params import flat

SHOWN = {
    "bacc": "**balanced accuracy, cross-validated**",
    "acc": "accuracy, cross-validated",
    "logreg": "logistic regression, cross-validated",
    "image": "balanced accuracy, split by file",
    "leak_cv": "leak, cross-validated",
}
MOST = 3  # changed parameters that are named


@exit_on_user_error
def main() -> None:
    """Print the summary of the changes since the base."""
    base = next((word for word in [*sys.argv[1:], os.environ.get("BASE", "")] if word), "HEAD~1")
    commit = git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}")
    print("\n".join(summary(commit, os.environ.get("REPORT", ""))))


def summary(commit: str | None, report: str) -> list[str]:
    """Return the lines of the summary; without a base (first commit, shallow clone), only with current values.

    Args:
        commit: the base's hash, or None.
        report: address of the report, or "".
    """
    now = json.loads(Path("reports/metrics.json").read_text(encoding="utf-8"))
    before = json.loads(of_commit(commit, "reports/metrics.json") or "{}")
    against = f"against {commit[:7]}" if commit else "(no commit to compare with is here)"
    lines = [f"| {'headline ' + against} | before | after |", "|---|---:|---:|"]
    for name, title in SHOWN.items():
        if name in now or name in before:
            interval = f" ({now['low']:.3f}–{now['high']:.3f})" if name == "bacc" and "low" in now else ""
            lines.append(f"| {title} | {number(before.get(name))} | {number(now.get(name))}{interval} |")
    lines += ["", changed_parameters(of_commit(commit, "params.yaml"))]
    if report:
        lines[-1] += f" [Report and classifier]({report})"
    return lines


def changed_parameters(before: str | None) -> str:
    """Return a sentence that names the parameters with other values than in a YAML text."""
    if before is None:
        return "Parameters: nothing to compare with."
    old, new = (dict(flat(YAML(typ="safe").load(text))) for text in (before, Path("params.yaml").read_text("utf-8")))
    changed = [
        f"`{key}` {json.dumps(old.get(key))} → {json.dumps(new.get(key))}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    more = f" and {len(changed) - MOST:,} more" if len(changed) > MOST else ""
    return f"Parameters changed: {', '.join(changed[:MOST])}{more}." if changed else "No parameter changed."


def number(value: float | None) -> str:
    """Return a score with three digits, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def of_commit(commit: str | None, path: str) -> str | None:
    """Return the text of a file in a commit, or None if the file is missing."""
    return git("show", f"{commit}:{path}") if commit else None


def git(*arguments: str) -> str | None:
    """Return the output of a Git command, or None if it fails."""
    run = subprocess.run(["git", *arguments], capture_output=True, text=True, encoding="utf-8")
    return run.stdout.strip() if run.returncode == 0 else None


if __name__ == "__main__":
    main()
