"""Copy of a finished run in MLflow: its parameters, scores, curves and report.

    make mlflow                                             # once: adds MLflow's client to .venv
    python -m tools.log_mlflow                              # into MLFLOW_TRACKING_URI, or else the folder mlruns/
    python -m tools.log_mlflow --tracking-uri http://host:5000 --experiment cells --name wider

It reads only files that the pipeline wrote. To log a run of another machine, type `git checkout` and `dvc pull` first.
The pipeline does not use MLflow.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import read_json, sha256
from wbc.common.params import flat, read_yaml
from wbc.split.schemes import HOLDOUTS
from wbc.train.heads import Heads

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILES = ["index.html", "README.md", "model_card.md", "data_card.md", "metrics.json", "deployed/reliability.csv"]
LONGEST = 6000  # characters that MLflow keeps of a parameter


@exit_on_user_error
def main() -> None:
    """Log the run in this folder, and print its address in MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    address = os.environ.get("MLFLOW_TRACKING_URI") or Path("mlruns").resolve().as_uri()
    parser.add_argument("--tracking-uri", default=address, help="server or folder (default: %(default)s)")
    parser.add_argument("--experiment", default="white-blood-cells", help="default: %(default)s")
    parser.add_argument("--name", default=None, help="of the run; default: MLflow makes one up")
    arguments = parser.parse_args()
    with advise("`dvc repro` makes the results, `dvc pull` and `git checkout` bring them."):
        scores = read_json("reports/metrics.json")
        heads = Heads.load(Path("models/heads"))
        histories = {scheme: heads.history(scheme).to_dict("records") for scheme in HOLDOUTS}
        tags = {"dvc.lock": sha256(Path("dvc.lock"))}
    client, failures = connect(arguments.tracking_uri)
    try:
        experiment = client.get_experiment_by_name(arguments.experiment)
        number = experiment.experiment_id if experiment else client.create_experiment(arguments.experiment)
        run = client.create_run(number, run_name=arguments.name, tags=tags).info.run_id
        for key, value in flat(read_yaml(Path("params.yaml"))):
            client.log_param(run, key, str(value)[:LONGEST])
        for key, score in scores.items():
            if isinstance(score, int | float):
                client.log_metric(run, key, score)
        for scheme, epochs in histories.items():
            for epoch in epochs:
                step = int(epoch.pop("epoch"))
                for key, value in epoch.items():
                    client.log_metric(run, f"{scheme}.{key}", value, step=step)
        for name in FILES:
            client.log_artifact(run, str(Path("reports", name)))
        client.log_artifact(run, "params.yaml")
        client.log_artifact(run, "dvc.lock")
        client.set_terminated(run)
    except failures as error:
        raise UserError(
            f"MLflow at {arguments.tracking_uri} didn't take the run: {error} Next: look whether it is reachable from "
            "here, then type the command again; nothing in this folder was changed."
        ) from error
    print(f"Logged as run {run} of the experiment {arguments.experiment} at {arguments.tracking_uri}.")


def connect(address: str) -> tuple["MlflowClient", type[Exception]]:
    """Return MLflow's client, and the error that it raises.

    Raises:
        UserError: MLflow isn't installed.
    """
    # MLflow recommends a database instead of a folder, but only a folder needs no server.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # the default, seven, takes minutes without a server
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ModuleNotFoundError as error:
        raise UserError("MLflow's client is not installed here. Next: type make mlflow, then this again.") from error
    return MlflowClient(tracking_uri=address), MlflowException


if __name__ == "__main__":
    main()
