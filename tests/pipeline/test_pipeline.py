"""The whole pipeline in a temporary clone, by DVC's own commands: what reruns, what repeats, what a user types."""

import json
import subprocess

import pytest
import yaml

from tests.pipeline.conftest import stages_run

AFTER_SPLIT = {"split", "train", "evaluate", "plot"}
AFTER_EMBED = {"embed", "train", "evaluate", "plot"}
AFTER_HEAD = {"train", "evaluate", "plot"}


def lock(project):
    return yaml.safe_load((project.folder / "dvc.lock").read_text())


def test_a_second_run_runs_nothing(project):
    assert project.repro() == set()
    assert project.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"train.head.dropout": 0.5}, AFTER_HEAD),
        ({"train.optimiser.learning_rate": 0.01}, AFTER_HEAD),
        ({"embed.views": 2}, AFTER_EMBED),
        ({"embed.image_size": 40}, AFTER_EMBED),
        ({"split.seed": 2}, AFTER_SPLIT),
        ({"plot.colormap": "Greens"}, {"plot"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_only_what_changed_reruns(project, changes, expected):
    project.set(changes)
    assert project.repro() == expected


def test_a_comment_in_the_readme_reruns_nothing(project):
    readme = project.folder / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8") + "\n<!-- a comment -->\n", encoding="utf-8")
    assert project.repro() == set()


def test_another_clone_gives_the_same_bytes(fresh, reproduced, tmp_path):
    """Nothing but the machine is shared: no cache, another folder, another time."""
    other = fresh.clone(tmp_path / "a clone with spaces in its path")
    other.repro()
    assert (other.folder / "dvc.lock").read_bytes() == (reproduced.folder / "dvc.lock").read_bytes()
    for name in ("README.md", "index.html", "image/metrics.json", "grouped/history.csv"):
        assert (other.folder / "reports" / name).read_bytes() == (reproduced.folder / "reports" / name).read_bytes()


def test_verify_passes_on_this_machine_and_fails_on_other_results(project):
    assert "byte for byte" in project.run("python", "-m", "tools.verify")
    metrics = project.folder / "reports/image/metrics.json"
    content = json.loads(metrics.read_text())
    content["accuracy"] -= 0.5
    metrics.write_text(json.dumps(content))
    recorded = lock(project)
    recorded["stages"]["evaluate@image"]["outs"][0]["md5"] = "0" * 32
    (project.folder / "dvc.lock").write_text(yaml.safe_dump(recorded))
    printed = project.run("python", "-m", "tools.verify", "--here", fails=True)
    assert "reports/image/metrics.json: accuracy was" in printed


def test_metrics_params_and_plots_are_dvcs_to_show(project):
    project.set({"split.seed": 3, "train.head.dropout": 0.1})
    project.repro()
    metrics = json.loads(project.run("dvc", "metrics", "diff", "--json", "--all"))
    assert "per_class.basophil.recall" in metrics["reports/image/metrics.json"]
    assert "parameters.trainable" in metrics["reports/grouped/training.json"]
    params = json.loads(project.run("dvc", "params", "diff", "--json"))
    assert set(params["params.yaml"]) == {"split.seed", "train.head.dropout"}
    project.run("dvc", "plots", "show", "--out", "shown")
    page = (project.folder / "shown/index.html").read_text()
    assert page.count("<div id=") >= 8  # confusion, ROC, PR and history of two protocols


def test_experiments_run_are_listed_and_named(project):
    printed = project.run("dvc", "exp", "run", "--name", "green", "--set-param", "plot.colormap=Greens")
    assert stages_run(printed) == {"plot"}
    shown = project.run("dvc", "exp", "show", "--csv")
    assert "green" in shown
    project.run("dvc", "exp", "remove", "green")


def test_a_sweep_is_queued_and_run(project):
    project.run("dvc", "exp", "run", "--queue", "--set-param", "plot.colormap=Greens,Oranges")
    project.run("dvc", "queue", "start")
    # The worker is a process in the background; following the logs of what runs waits for it.
    while any(state in project.run("dvc", "queue", "status") for state in ("Queued", "Running")):
        subprocess.run(["sleep", "1"], check=True)
    assert project.run("dvc", "queue", "status").count("Success") == 2
    project.run("dvc", "exp", "remove", "--all-commits")


def test_an_unknown_parameter_stops_with_its_name_and_changes_nothing(project):
    file = project.folder / "params.yaml"
    file.write_text(file.read_text().replace("dropout:", "dropuot:"))
    printed = project.run("dvc", "repro", fails=True)
    assert "`train.head.dropuot` is not a parameter. Did you mean `train.head.dropout`?" in printed
    assert "Traceback" not in printed
