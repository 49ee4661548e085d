"""The whole pipeline in a temporary clone, by DVC's own commands: what reruns, what repeats, what a user types."""

import functools
import http.server
import json
import re
import shutil
import threading
import time

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.pipeline.test_dependencies import PIPELINES
from tests.small_project import STAGES, stages_run
from wbc.common.images import decode, resize

WHERE_NAMED = {"external", "formats"}  # they run once for each data set or format that params.yaml names, and none is


def lock(project):
    return yaml.safe_load((project.folder / "dvc.lock").read_text())


def test_a_second_run_runs_nothing(project):
    assert project.repro() == set()
    assert project.run("git", "status", "--porcelain") == ""


def test_plots_are_drawn_without_a_network(project, open_page):
    project.run("dvc", "plots", "show", "--out", "shown")
    page = open_page(project.folder / "shown/index.html")
    page.wait_for_function("document.querySelectorAll('.vega-embed canvas, .vega-embed svg.marks').length >= 14")
    assert [text for kind, text in page.complaints if kind == "error"] == []  # Vega warns of DVC's own templates
    assert [url for url in page.requested if not url.startswith(("file:", "data:"))] == []


def test_a_change_of_views_concerns_embed_and_what_follows_but_not_split(project):
    """What follows a stage is read off the pipeline's own graph; other tests here run it."""
    project.set({"embed.views": 2})
    assert json.loads(project.run("dvc", "status", "--json", "embed", "split")).keys() == {"embed"}
    edges = re.findall(r'"(\w+)(?:@\w+)?" -> "(\w+)', project.run("dvc", "dag", "--dot"))
    following = {"embed"}
    while more := {after for before, after in edges if before in following} - following:
        following |= more
    assert following == {"embed", "baseline", "train", "evaluate", "plot", "export"}


def test_a_change_of_style_reruns_plot_alone(project):
    project.set({"plot.colormap": "Greens"})
    assert project.repro() == {"plot"}


def test_every_section_of_the_parameters_is_its_stages_own(project):
    """What follows the stage reruns because its outputs change; the runs beside this test show that."""
    changed = {
        "fetch.synthetic.seed": (2, {"fetch"}),
        "embed.augmentation.zoom": (0.2, {"embed"}),
        "split.train": (0.6, {"split"}),
        "train.optimizer.class_weights": ("balanced", {"train"}),
        "intervals.confidence_level": (0.9, {"evaluate"}),
        "export.coverage": (0.8, {"export"}),
        "plot.colormap": ("Greens", {"plot"}),
    }
    project.set({key: value for key, (value, _) in changed.items()})
    concerned = {}
    for stage, entries in json.loads(project.run("dvc", "status", "--json")).items():
        for entry in entries:
            for section in entry.get("changed deps", {}).get("params.yaml", {}):
                concerned.setdefault(section, set()).add(stage)
    assert concerned == {key.split(".")[0]: stages for key, (_, stages) in changed.items()}


def test_a_changed_module_concerns_exactly_the_stages_that_declare_it(project):
    """Proved by DVC itself; tests/pipeline/test_dependencies.py compares the declarations with the imports."""
    changed = {
        "wbc/common/files.py": set(STAGES),
        "wbc/evaluate/metrics.py": {"evaluate", "plot", "export"},
        "wbc/plot/templates/report.html.j2": {"plot", "export"},
        "wbc/split/table.py": {"split", "baseline", "train", "evaluate", "export"},
    }
    for file, concerned in changed.items():
        path = project.folder / file
        before = path.read_bytes()
        path.write_bytes(before + b"\n# changed\n")
        status = json.loads(project.run("dvc", "status", "--json"))
        path.write_bytes(before)
        assert status.keys() == concerned


def test_a_cache_file_beside_a_module_concerns_nothing(project):
    for name in ("wbc/evaluate/notes.txt", "wbc/evaluate/__pycache__/metrics.pyc"):
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_text("not code")
    assert json.loads(project.run("dvc", "status", "--json")) == {}


def test_a_parameter_that_returns_is_taken_from_the_run_cache(project):
    """Slow stages have only outputs that DVC's cache holds, so none runs again."""
    project.set({"train.head.dropout": 0.5})
    assert "Running stage 'train'" in project.run("dvc", "repro", "train")
    project.set({"train.head.dropout": 0.0})
    printed = project.run("dvc", "repro", "train")
    assert "Stage 'train' is cached - skipping run" in printed and "Running stage" not in printed
    assert project.run("git", "status", "--porcelain") == ""


def test_a_changed_package_concerns_the_stages_that_compute_with_it(project):
    file = project.folder / "environment.yaml"
    file.write_text(re.sub(r"matplotlib: .*", 'matplotlib: "0.0.1"', file.read_text()))
    concerned = json.loads(project.run("dvc", "status", "--json"))
    assert concerned.keys() == {"plot", "export"}
    assert '"0.0.1"' in project.run("dvc", "params", "diff", "--json")


def test_the_top_folders_commands_know_nothing_of_the_blood_pipeline(project):
    stages, blood = (
        set(yaml.safe_load((project.folder / folder / "dvc.yaml").read_text())["stages"])
        for folder in PIPELINES.values()
    )
    assert blood and not blood & stages
    stages -= WHERE_NAMED
    listed = project.run("dvc", "stage", "list", "--name-only", "--all").split()
    assert {name.split("@")[0] for name in listed} == stages
    for command in (["repro", "--dry", "--all-pipelines"], ["status"], ["metrics", "show"]):
        printed = project.run("dvc", *command)
        assert not any(name in printed for name in ("pretrain", "results.json")), printed


def test_a_comment_in_the_readme_reruns_nothing(project):
    readme = project.folder / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8") + "\n<!-- a comment -->\n", encoding="utf-8")
    assert project.repro() == set()


def test_another_clone_gives_the_same_bytes(project):
    """Nothing but the machine is shared: `verify` has no cache, another folder and another time."""
    assert "byte for byte" in project.run("python", "-m", "tools.verify")
    # It runs in a clone of its own and leaves this one alone.
    assert project.run("git", "status", "--porcelain") == ""


def test_a_change_of_split_reruns_split_and_what_follows_and_dvc_shows_what_became_of_it(project):
    project.set({"split.seed": 3})
    assert project.repro("evaluate") == {"split", "baseline", "train", "evaluate"}
    params = json.loads(project.run("dvc", "params", "diff", "--json"))
    assert set(params["params.yaml"]) == {"split.seed"}
    metrics = json.loads(project.run("dvc", "metrics", "diff", "--json", "--all"))
    assert list(metrics) == ["reports/metrics.json"]
    assert {"bacc", "acc", "group", "leak_cv"} <= set(metrics["reports/metrics.json"])
    assert len(project.run("dvc", "metrics", "diff", "--all").splitlines()) <= 15
    assert max(map(len, project.run("dvc", "metrics", "show").splitlines())) <= 120
    project.run("dvc", "plots", "show", "--out", "shown")
    # Confusion, ROC and precision-recall of all three schemes, loss and accuracy of two, reliability of one.
    assert (project.folder / "shown/index.html").read_text().count("vegaEmbed('#") == 14


def test_a_sweep_is_queued_and_run(project):
    project.run("dvc", "exp", "run", "--queue", "--set-param", "intervals.confidence_level=0.8,0.9", "evaluate")
    project.run("dvc", "queue", "start")
    # The worker is a process in the background, which may not start at all: so wait, but not for ever.
    deadline = time.monotonic() + 300
    while any(state in project.run("dvc", "queue", "status") for state in ("Queued", "Running")):
        assert time.monotonic() < deadline, project.run("dvc", "queue", "status")
        time.sleep(1)
    assert project.run("dvc", "queue", "status").count("Success") == 2
    project.run("dvc", "exp", "remove", "--all-commits")


def test_what_was_pushed_is_pulled_by_another_clone_over_http_and_nothing_runs(project, tmp_path):
    """As docs/how-to/share.md says it: a remote that everybody may read, and `dvc get` of the classifier alone."""
    project.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    project.run("dvc", "push", "--quiet")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "storage")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        project.run("dvc", "remote", "add", "--default", "--force", "storage", address)
        project.commit("a remote that everybody may read")
        other = project.clone(tmp_path / "clone")
        other.run("dvc", "pull", "--quiet")
        assert other.repro() == set()
        assert other.run("git", "status", "--porcelain") == ""
        project.run("dvc", "get", project.folder, "models/deployed", "--out", tmp_path / "got")
        server.shutdown()
    shipped = sorted(path.name for path in (project.folder / "models/deployed").iterdir())
    assert sorted(path.name for path in (tmp_path / "got").iterdir()) == shipped
    project.run("git", "reset", "--quiet", "--hard", "HEAD~")


def test_a_machine_without_the_archive_uses_what_was_made_from_it(project, tmp_path):
    """As docs/how-to/share.md says it: `dvc pull`, then `dvc repro --allow-missing`."""
    shutil.copytree(project.folder / "data/images", tmp_path / "cells")
    project.set({"fetch.source": "archive", "fetch.archive": str(tmp_path / "cells")})
    assert project.repro("fetch") == {"fetch"}
    project.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    project.run("dvc", "push", "--quiet", "fetch")
    project.commit("images of an archive")
    shutil.rmtree(tmp_path / "cells")
    other = project.clone(tmp_path / "clone")
    other.run("dvc", "pull", "--quiet", "fetch")
    assert stages_run(other.run("dvc", "repro", "--allow-missing", "fetch")) == set()
    assert other.run("git", "status", "--porcelain") == ""
    assert "`fetch.archive`" in other.run("python", "-m", "tools.preflight", fails=True)
    project.run("git", "reset", "--quiet", "--hard", "HEAD~")


def test_only_a_changed_archive_brings_new_images(project, tmp_path):
    shutil.copytree(project.folder / "data/images", tmp_path / "cells")
    project.set({"fetch.source": "archive", "fetch.archive": str(tmp_path / "cells")})
    project.repro("fetch")
    assert project.repro("fetch") == set()
    next((tmp_path / "cells").rglob("*.jpg")).unlink()
    assert project.repro("fetch") == {"fetch"}
    assert len(list((project.folder / "data/images").rglob("*.jpg"))) == 89


def test_a_clone_has_the_same_line_ends_whatever_git_is_told(fresh, tmp_path):
    fresh.run("git", "clone", "--quiet", "--config", "core.autocrlf=true", fresh.folder, tmp_path / "clone")
    for path in fresh.run("git", "ls-files").splitlines():
        assert (tmp_path / "clone" / path).read_bytes() == (fresh.folder / path).read_bytes(), path


def test_an_archive_that_is_not_there_deletes_nothing(project):
    before = sorted(path.relative_to(project.folder) for path in (project.folder / "data").rglob("*"))
    for archive in ("/nowhere/cells.zip", 2024, None, ""):
        project.set({"fetch.source": "archive", "fetch.archive": archive})
        assert "`fetch.archive`" in project.run("python", "-m", "tools.preflight", fails=True)
        printed = project.run("dvc", "repro", fails=True)  # without preflight: DVC's own message, and no traceback
        assert "Traceback" not in printed and "unexpected error" not in printed
    assert sorted(path.relative_to(project.folder) for path in (project.folder / "data").rglob("*")) == before


@pytest.mark.parametrize(
    ("right", "wrong"), [("dropout:", "dropuot:"), ("confidence_level:", "confidence:"), ("colormap:", "colors:")]
)
def test_an_unknown_parameter_stops_with_its_name_and_leaves_every_tracked_file(project, right, wrong):
    file = project.folder / "params.yaml"
    file.write_text(file.read_text().replace(right, wrong))
    for command in (["python", "-m", "tools.preflight"], ["dvc", "repro"]):
        printed = project.run(*command, fails=True)
        assert f"{wrong[:-1]}` is not a parameter" in printed and "Traceback" not in printed
    assert project.run("git", "status", "--porcelain").split() == ["M", "params.yaml"]


def test_an_old_name_of_a_parameter_is_named_with_its_new_one(project):
    file = project.folder / "params.yaml"
    file.write_text(file.read_text().replace("tta_views:", "test_views:"))
    assert "Write `embed.tta_views`." in project.run("python", "-m", "tools.preflight", fails=True)


def test_the_saved_classifier_gives_what_was_scored(reproduced):
    """Export compares them itself; here the file is loaded once more, as a user would."""
    from wbc.embed.tensorflow_setup import keras

    folder = reproduced.folder
    predictions = pd.read_csv(folder / "reports/image/predictions.csv")
    classifier = keras.models.load_model(folder / "models/study.keras", compile=False)
    size = classifier.input_shape[1]
    images = [resize(decode(folder / "data/images" / path)[0], size) for path in predictions["path"]]
    probabilities = classifier.predict(np.stack(images), verbose=0)
    scored = predictions.filter(regex="^p_").to_numpy()
    assert np.ptp(scored) > 0.1
    assert probabilities == pytest.approx(scored, abs=5e-3)  # features of float16, 4 digits


def test_what_is_reported_is_what_the_predictions_say(reproduced):
    for scheme in ("image", "grouped"):
        predictions = pd.read_csv(reproduced.folder / f"reports/{scheme}/predictions.csv")
        metrics = json.loads((reproduced.folder / f"reports/{scheme}/metrics.json").read_text())
        correct = predictions["label"] == predictions["predicted"]
        assert metrics["accuracy"] == pytest.approx(correct.mean(), abs=1e-4)
        assert metrics["synthetic"] == 1
        for label, group in correct.groupby(predictions["label"]):
            assert metrics["per_class"][label]["recall"] == pytest.approx(group.mean(), abs=1e-4)
