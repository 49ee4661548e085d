"""What a dvc.yaml declares is what its stages read: the top folder's, and pretraining's."""

import ast
import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.imports import ROOT, code_of

PIPELINES = {"stages": ".", "pretraining": "pretraining"}  # package of the scripts: folder of their dvc.yaml
CODE = re.compile(r"^((wbc|stages)(/|$)|pretraining/\w+\.py$)")
MOST = 0.3  # of a room's modules; a stage that imports more of them may depend on the room as a folder


class Stage(NamedTuple):
    """A script and what its pipeline declares of it."""

    name: str
    script: str  # such as "stages/embed.py"
    folder: Path  # of its dvc.yaml, from the top folder

    def declared(self):
        entry = read(self.folder / "dvc.yaml")["stages"][self.name]
        return entry.get("do", entry)  # of a stage that runs once for each of several data sets

    def deps(self):
        return [from_top(self.folder, dep) for dep in self.declared()["deps"]]

    def outs(self):
        return [from_top(self.folder, o if isinstance(o, str) else next(iter(o))) for o in self.declared()["outs"]]

    def params(self):
        """The sections of parameter files that are declared, as {(file, section)}."""
        found = set()
        for entry in self.declared().get("params", []):
            files = {"params.yaml": [entry]} if isinstance(entry, str) else entry
            found |= {
                (from_top(self.folder, file), section.split(".")[0])
                for file, sections in files.items()
                for section in sections
            }
        return found

    def sources(self):
        """The text of each Python file that it runs."""
        return {file: (ROOT / file).read_text(encoding="utf-8") for file in code_of(self.script)}


def read(file):
    return yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))


def from_top(folder, path):
    """A path of a dvc.yaml in `folder` as a POSIX path from the top folder."""
    return Path(os.path.normpath(folder / path)).as_posix()


STAGES = [
    Stage(script.stem, script.relative_to(ROOT).as_posix(), Path(folder))
    for scripts, folder in PIPELINES.items()
    for script in sorted((ROOT / scripts).glob("*.py"))
    if "\n    main()\n" in script.read_text(encoding="utf-8")
]
each_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.script)


def modules_in(folder):
    """The modules of a folder, as files, those of its folders among them."""
    files = (path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py"))
    return {file for file in files if not file.endswith("__init__.py")}


@pytest.mark.parametrize("scripts", PIPELINES)
def test_every_script_is_a_stage_and_every_stage_a_script(scripts):
    stages = read(Path(PIPELINES[scripts], "dvc.yaml"))["stages"]
    assert sorted(stages) == sorted(stage.name for stage in STAGES if stage.script.startswith(f"{scripts}/"))
    for name, stage in stages.items():
        assert f" -m {scripts.replace('/', '.')}.{name}" in stage.get("do", stage)["cmd"]


@each_stage
def test_every_module_that_is_imported_is_declared(stage):
    declared = {dep for dep in stage.deps() if CODE.match(dep)}
    for file in code_of(stage.script):
        assert any(str(place) in declared for place in (Path(file), *Path(file).parents)), f"{stage.script}: {file}"


@each_stage
def test_every_module_that_is_declared_is_imported(stage):
    """A module as such; and of a room at least half, but for the stage's own and wbc/common."""
    imported = set(code_of(stage.script))
    own = [dep for dep in stage.deps() if CODE.match(dep) and (ROOT / dep).is_dir() and dep != "wbc/common"]
    for dep in stage.deps():
        if dep.endswith(".py"):
            assert dep in imported, f"{stage.script} doesn't import {dep}"
        elif dep in own:
            share = len(modules_in(dep) & imported) / len(modules_in(dep))
            assert share >= MOST or dep == own[0], f"{stage.script} imports {share:.0%} of {dep}"


def test_slow_stages_have_only_outputs_that_the_run_cache_can_restore():
    stages = read("dvc.yaml")["stages"]
    for name in ("split", "embed", "baseline", "train"):
        assert all(isinstance(out, str) for out in stages[name]["outs"]), name


def test_the_pipeline_reads_like_a_table_of_contents():
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) <= 340
    for script in (ROOT / "stages").glob("*.py"):
        assert len(script.read_text(encoding="utf-8").splitlines()) <= 80, script


@each_stage
def test_the_packages_that_are_declared_are_pinned(stage):
    versions = read("environment.yaml")
    named = [section for file, section in stage.params() if file == "environment.yaml"]
    assert set(named) <= set(versions)


@each_stage
def test_the_section_of_params_that_is_loaded_is_declared(stage):
    """A stage reads its settings by `params.load(FILE, SECTION, ...)`, and from nowhere else."""
    loaded = set()
    for file, text in stage.sources().items():
        tree = ast.parse(text)
        constants = constants_of(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and (path := value_of(node.args[0], constants)):
                if not path.endswith("params.yaml"):
                    continue
                assert file == stage.script, f"{file} reads {path}; only stages do"
                if getattr(node.func, "attr", getattr(node.func, "id", None)) == "load":
                    loaded.add((path, node.args[1].value))
                else:  # it reads the file as a whole
                    assert path in stage.deps()
    assert loaded == {(file, section) for file, section in stage.params() if file.endswith("params.yaml")}
    assert all(section in read(file) for file, section in loaded)


def constants_of(tree):
    """The texts that a module names at its top: {name: text}, `A, B = "a", "b"` among them."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            pairs = [(node.targets[0], node.value)]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(node.targets[0].elts, node.value.elts, strict=True)
            found |= {
                target.id: value.value
                for target, value in pairs
                if isinstance(target, ast.Name) and isinstance(value, ast.Constant)
            }
    return found


def value_of(node, constants):
    """The text that an argument is, written out or by a name, or None."""
    value = constants.get(node.id) if isinstance(node, ast.Name) else getattr(node, "value", None)
    return value if isinstance(value, str) else None


@pytest.mark.parametrize("folder", map(Path, PIPELINES.values()), ids=str)
def test_every_section_of_params_is_read_by_a_stage_of_its_pipeline(folder):
    file = from_top(folder, "params.yaml")
    stages = [stage for stage in STAGES if stage.folder == folder]
    assert {(file, section) for section in read(file)} == {
        declared for stage in stages for declared in stage.params() if declared[0] == file
    }


def paths_in(tree):
    """The paths that a module's code names: literal ones, and `FOLDER / "name"` of a folder named at its top."""
    folders = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, values = (
                [item] if not isinstance(item, ast.Tuple) else item.elts for item in (node.targets[0], node.value)
            )
            for target, value in zip(targets, values, strict=False):
                if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Path" and value.args:
                    folders[getattr(target, "id", "")] = value_of(value.args[0], {})
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.left, ast.Name):
            folder, name = folders.get(node.left.id), value_of(node.right, {})
            if folder and name:
                yield node, f"{folder}/{name}"


@each_stage
def test_every_path_in_a_script_is_declared(stage):
    """Paths of the tree stand in the stages' scripts alone."""

    def leads_to(text, paths):
        return any(text.startswith(path) or path.startswith(text) for path in paths)

    tree_paths = {path for other in STAGES for path in [*other.deps(), *other.outs()]}
    declared = [*stage.deps(), *stage.outs(), *(file for file, _ in stage.params())]
    for file, text in stage.sources().items():
        tree = ast.parse(text)
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node)
        }
        for node, path in paths_in(tree):
            if id(node) not in docstrings and re.fullmatch(r"(data|models|reports)/[\w./-]+", path):
                if file == stage.script:
                    assert leads_to(path, declared), path
                else:
                    assert not leads_to(path, tree_paths), f"{file} knows {path}; only stages do"


def test_every_stage_says_what_it_does():
    assert all(stage.declared().get("desc") for stage in STAGES)


def test_the_pretraining_pipelines_archives_are_declared():
    """The cells' own by its name, so that no other images can reach the training; others' by their folder."""
    params = read("pretraining/params.yaml")
    stages = {stage.name: stage for stage in STAGES if stage.folder == Path("pretraining")}
    assert "${cells.archive}" in stages["cells"].deps()
    assert [dep for dep in stages["pretrain"].deps() if not CODE.match(dep)] == ["pretraining/cells"]
    for archive in params["measure"]["laboratories"].values():
        assert Path(archive).parent.as_posix() in stages["measure"].deps()


@pytest.mark.parametrize("stage", ["fetch", "split", "baseline", "train", "evaluate", "plot"])
def test_what_needs_no_tensorflow_starts_without_it(stage):
    """Importing it takes five seconds."""
    assert "wbc/embed/tensorflow_setup.py" not in code_of(f"stages/{stage}.py")
