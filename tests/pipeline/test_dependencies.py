"""What a dvc.yaml declares is what its stages read: the top folder's, and pretraining's."""

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from stages import sources
from tools.code_dependencies import CODE, PIPELINES, ROOT, code_of, from_top, with_code_dependencies


class Stage(NamedTuple):
    """A script and what its pipeline declares of it."""

    name: str
    script: str  # such as "stages/embed.py"
    folder: Path  # of its dvc.yaml, from the top folder

    def declared(self):
        entry = read(self.folder / "dvc.yaml")["stages"][self.name]
        return entry.get("do", entry)  # of a stage that runs once for each of several data sets

    def deps(self):
        return [one_protocol(self.folder, dep) for dep in self.declared()["deps"]]

    def outs(self):
        return [one_protocol(self.folder, o if isinstance(o, str) else next(iter(o))) for o in self.declared()["outs"]]

    def params(self):
        """The sections of parameter files that are declared, as {(file, section)}."""
        found = set()
        for entry in self.declared().get("params", []):
            files = {"params.yaml": [entry]} if isinstance(entry, str) else entry
            found |= {
                (one_protocol(self.folder, file), section.split(".")[0])
                for file, sections in files.items()
                for section in sections
            }
        return found

    def sources(self):
        """The text of each Python file that it runs."""
        return {
            file: (ROOT / file).read_text(encoding="utf-8") for file in code_of(self.script) if file.endswith(".py")
        }


def read(file):
    return yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))


def one_protocol(folder, path):
    """A path of a dvc.yaml in `folder` as one from the top folder; of a stage that runs for both protocols, for one."""
    return from_top(folder, path).replace("${item.protocol}", "image")


# Paths that a script names though the stage neither reads them nor makes what others read.
ALOOF = defaultdict(
    tuple,
    {
        "stages/fetch.py": ("data/found",),  # what somebody put among the images is moved there, for that person
        "stages/sources.py": sources.RESULTS,  # where no archive may lie
    },
)
STAGES = [
    Stage(script.stem, script.relative_to(ROOT).as_posix(), Path(folder))
    for scripts, folder in PIPELINES.items()
    for script in sorted((ROOT / scripts).glob("*.py"))
]
each_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.script)


@pytest.mark.parametrize("scripts", PIPELINES)
def test_every_script_is_a_stage_and_every_stage_a_script(scripts):
    stages = read(Path(PIPELINES[scripts], "dvc.yaml"))["stages"]
    assert sorted(stages) == sorted(path.stem for path in (ROOT / scripts).glob("*.py"))
    for name, stage in stages.items():
        assert f"python -m {scripts.replace('/', '.')}.{name}" in stage.get("do", stage)["cmd"]


@each_stage
def test_every_module_that_is_imported_is_declared_and_no_other(stage):
    assert sorted(dep for dep in stage.deps() if CODE.match(dep)) == code_of(stage.script)


@pytest.mark.parametrize("folder", PIPELINES.values())
def test_make_deps_has_nothing_to_write(folder):
    file = ROOT / folder / "dvc.yaml"
    assert with_code_dependencies(file) == file.read_text(encoding="utf-8")


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
    assert loaded == stage.params()
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


@each_stage
def test_every_path_in_a_script_is_declared(stage):
    """Paths of the tree stand in the stages' scripts alone, as literal text."""

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
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in docstrings:
                continue
            if re.fullmatch(r"(data|models|reports)/[\w./-]+", node.value):
                if file == stage.script:
                    assert leads_to(node.value, declared) or node.value in ALOOF[file], node.value
                else:
                    assert not leads_to(node.value, tree_paths), f"{file} knows {node.value}; only stages do"


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


@pytest.mark.parametrize("stage", ["fetch", "split", "baseline", "plot"])
def test_what_needs_no_tensorflow_starts_without_it(stage):
    """Importing it takes five seconds."""
    assert "wbc/embed/tensorflow_setup.py" not in code_of(f"stages/{stage}.py")
