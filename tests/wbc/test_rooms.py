"""The rooms of the library keep to the import rules of the design: downward only, no circle."""

import ast
from pathlib import Path

import pytest

from tools.code_dependencies import ROOT, imported_files

MAY_IMPORT = {
    "core": set(),
    "data": {"core"},
    "synthetic": {"core"},
    "grouping": {"core", "data"},
    "splitting": {"core"},
    "models": {"core"},
    "features": {"core", "data", "models"},
    "training": {"core", "models"},
    "evaluation": {"core", "models", "features"},
    "prediction": {"core", "data", "models", "features", "evaluation"},
    "reporting": {"core"},
}
MAY_IMPORT["pretraining"] = set(MAY_IMPORT)
WITHOUT_TENSORFLOW = {"core", "data", "synthetic", "grouping", "splitting", "evaluation", "prediction", "reporting"}
PACKAGES = ("wbc", "stages", "pretraining", "tools", "research", "benchmarks")
MODULES = [path.relative_to(ROOT) for path in sorted((ROOT / "wbc").glob("*/*.py"))]


def imports_of(module, at_import_only=False):
    """The names that a module imports; `at_import_only` leaves out those inside functions."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    nodes = tree.body if at_import_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_the_rooms_are_those_of_the_design():
    assert {path.parent.name for path in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_room_imports_only_rooms_below_it(module):
    room = module.parts[1]
    imported = {file.parts[:2] for file in imported_files(module)}
    assert {package for package, _ in imported} <= {"wbc"}, "the library imports neither stages nor tools"
    assert {name for _, name in imported} <= MAY_IMPORT[room] | {room}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_two_modules_import_each_other(module):
    """Followed through all imports, at import time: no way leads back."""
    seen, waiting = set(), list(imported_files(module))
    while waiting:
        file = waiting.pop()
        assert file != module, f"{module} imports itself by way of others"
        if file not in seen:
            seen.add(file)
            waiting += imported_files(file)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_tensorflow_is_imported_only_where_it_is_needed(module):
    imported = {name.split(".")[0] for name in imports_of(module)}
    if module.parts[1] in WITHOUT_TENSORFLOW:
        assert not imported & {"tensorflow", "keras"}
        assert Path("wbc/embed/tensorflow_setup.py") not in imported_files(module)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_init_file_holds_a_docstring_and_nothing_else(package):
    """So that it need not be a dependency of every stage."""
    for file in (ROOT / package).rglob("__init__.py"):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr), f"{file} holds code"


@pytest.mark.parametrize("script", sorted((ROOT / "stages").glob("*.py")), ids=lambda path: path.stem)
def test_a_stage_imports_the_library_and_no_stage(script):
    imported = {file.parts[0] for file in imported_files(script.relative_to(ROOT))}
    assert imported <= {"wbc"}
    assert Path("wbc/pretraining") not in {file.parent for file in imported_files(script.relative_to(ROOT))}
