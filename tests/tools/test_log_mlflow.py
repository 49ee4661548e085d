"""The committed run goes into an MLflow folder whole, and what can't go is said in a sentence."""

import json
import shutil
from pathlib import Path

import pytest

from tests.imports import ROOT
from tools.log_mlflow import FILES, main
from wbc.common.params import flat, read_yaml

LOSSES = {"image": [1.5, 0.75], "grouped": [1.25, 0.5]}  # of each epoch


@pytest.fixture
def results(tmp_path):
    """A folder with this repository's committed results, and histories of training, which Git does not hold."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "reports", folder / "reports")
    for name in ("params.yaml", "dvc.lock"):
        shutil.copy2(ROOT / name, folder)
    for scheme, losses in LOSSES.items():
        (folder / "models/heads" / scheme).mkdir(parents=True)
        lines = ["epoch,val_loss", *(f"{epoch},{loss}" for epoch, loss in enumerate(losses))]
        (folder / "models/heads" / scheme / "history.csv").write_text("\n".join(lines))
    for name in ("classes.json", "training.json"):
        (folder / "models/heads" / name).write_text("{}")
    return folder


@pytest.fixture
def log(monkeypatch, capsys, results):
    """Run the tool on the results; returns what it printed."""

    def run(*arguments):
        monkeypatch.chdir(results)
        monkeypatch.setattr("sys.argv", ["log_mlflow", *arguments])
        try:
            main()
        except SystemExit as exit:
            assert exit.code
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


def test_parameters_scores_curves_and_report_are_logged(log, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="MLflow's client is not installed; `make mlflow` does it")
    assert "Logged as run" in log(
        "--tracking-uri", (tmp_path / "runs").as_uri(), "--experiment", "cells", "--name", "a"
    )
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "runs").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("cells").experiment_id])
    assert (run.info.run_name, run.info.status) == ("a", "FINISHED")
    assert run.data.params == {key: str(value) for key, value in flat(read_yaml(ROOT / "params.yaml"))}
    scores = json.loads((ROOT / "reports/metrics.json").read_text(encoding="utf-8"))
    assert scores.items() <= run.data.metrics.items()
    for scheme, losses in LOSSES.items():
        logged = client.get_metric_history(run.info.run_id, f"{scheme}.val_loss")
        assert [metric.value for metric in sorted(logged, key=lambda metric: metric.step)] == losses
    names = {Path(name).name for name in FILES}
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == names | {"params.yaml", "dvc.lock"}


def test_a_second_run_joins_the_same_experiment(log, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="MLflow's client is not installed; `make mlflow` does it")
    for _ in range(2):
        log("--tracking-uri", (tmp_path / "runs").as_uri())
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "runs").as_uri())
    assert len(client.search_runs([client.get_experiment_by_name("white-blood-cells").experiment_id])) == 2


def test_a_server_that_is_not_there_is_named(log):
    pytest.importorskip("mlflow", reason="MLflow's client is not installed; `make mlflow` does it")
    printed = log("--tracking-uri", "http://127.0.0.1:9")
    assert "MLflow at http://127.0.0.1:9 didn't take the run" in printed
    assert "Traceback" not in printed


def test_without_mlflow_the_command_that_installs_it_is_named(log, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    assert "type make mlflow" in log()
