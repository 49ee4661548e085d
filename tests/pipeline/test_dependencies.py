"""What dvc.yaml declares is what the stages read."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

from tests.pipeline.imports import ROOT, code_of

DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = sorted(path.stem for path in (ROOT / "stages").glob("*.py"))


def sources(stage):
    return {
        file: (ROOT / file).read_text(encoding="utf-8")
        for file in code_of(f"stages/{stage}.py")
        if file.endswith(".py")
    }


def test_every_script_is_a_stage_and_every_stage_a_script():
    assert sorted(DVC["stages"]) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_that_is_imported_is_declared_and_no_other(stage):
    declared = [dep for dep in DVC["stages"][stage]["deps"] if dep.startswith("stages/")]
    assert sorted(declared) == code_of(f"stages/{stage}.py")


@pytest.mark.parametrize("stage", STAGES)
def test_the_section_of_params_that_is_loaded_is_declared(stage):
    """A stage reads its settings by `params.load("params.yaml", SECTION, ...)`, once, and from nowhere else."""
    loaded = set()
    for file, text in sources(stage).items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and any(getattr(arg, "value", None) == "params.yaml" for arg in node.args):
                assert file == f"stages/{stage}.py", f"{file} reads params.yaml; only stages do"
                loaded.add(node.args[1].value)
    assert loaded == set(DVC["stages"][stage].get("params", []))
    assert loaded <= set(PARAMS)


def test_every_section_of_params_is_read_by_a_stage():
    assert set(PARAMS) == {section for stage in DVC["stages"].values() for section in stage.get("params", [])}


@pytest.mark.parametrize("stage", STAGES)
def test_every_path_in_a_script_is_declared(stage):
    """Paths of the tree stand in the stages' scripts alone, as literal text."""
    declared = [
        *DVC["stages"][stage]["deps"],
        *(next(iter(o)) if isinstance(o, dict) else o for o in DVC["stages"][stage]["outs"]),
    ]
    declared = [path.replace("${item.protocol}", "image") for path in declared]
    for file, text in sources(stage).items():
        tree = ast.parse(text)
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node)
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in docstrings:
                continue
            if re.fullmatch(r"(data|models|reports)/[\w./-]+", node.value):
                assert file == f"stages/{stage}.py", f"{file} knows the path {node.value}; only stages do"
                assert any(node.value.startswith(path) or path.startswith(node.value) for path in declared), node.value


def test_stages_and_lib_keep_to_their_places():
    for file in [*(ROOT / "stages").glob("*.py"), *(ROOT / "stages/lib").glob("*.py")]:
        for imported in re.findall(
            r"^\s*(?:from|import) (stages\S*)(?: import (\w+))?", file.read_text(encoding="utf-8"), re.M
        ):
            assert imported[0].startswith("stages.lib") or imported == ("stages", "lib"), (
                f"{file} imports the stage {imported}"
            )


def test_every_stage_says_what_it_does():
    assert all(stage.get("desc") for stage in DVC["stages"].values())


def test_a_changed_module_concerns_exactly_the_stages_that_import_it(project):
    """Proved by DVC itself: after a change of each file in turn, `dvc status` names the stages whose code it is."""
    importers = {}
    for stage in STAGES:
        for file in code_of(f"stages/{stage}.py"):
            importers.setdefault(file, set()).add(stage)
    assert len(importers) > 20
    for file, stages in importers.items():
        path = Path(project.folder, file)
        before = path.read_bytes()
        path.write_bytes(before + b"\n# changed\n")
        status = json.loads(project.run("dvc", "status", "--json"))
        changed = {
            name.split("@")[0]
            for name, entries in status.items()
            if any(file in entry.get("changed deps", {}) for entry in entries if isinstance(entry, dict))
        }
        path.write_bytes(before)
        assert changed == stages, file
