"""What the import contract of pyproject.toml, which `make lint` checks, doesn't say of the rooms."""

import ast

import pytest

from tests.imports import ROOT

ROOMS = sorted(path.name for path in (ROOT / "wbc").iterdir() if (path / "__init__.py").is_file())


@pytest.mark.parametrize("room", ROOMS)
def test_an_init_file_holds_a_docstring_and_nothing_else(room):
    """So that it need not be a dependency of every stage."""
    for file in (ROOT / "wbc" / room).rglob("__init__.py"):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr), f"{file} holds code"


def test_common_stays_small():
    assert len(list((ROOT / "wbc/common").glob("*.py"))) <= 12
    assert len((ROOT / "wbc/common/errors.py").read_text(encoding="utf-8").splitlines()) <= 60


def test_the_tests_mirror_the_rooms():
    folders = {path.name for path in (ROOT / "tests/wbc").iterdir() if any(path.glob("test_*.py"))}
    assert folders == set(ROOMS)
