"""The graph of this project's imports, by grimp, which import-linter uses too."""

import functools
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PACKAGES = ("wbc", "stages", "tools", "pretraining", "research", "benchmarks", "tests")


@functools.cache
def graph():
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def module_of(file):
    """The dotted name of a module's file, such as "wbc.split.parts" of wbc/split/parts.py."""
    return ".".join(Path(file).with_suffix("").parts)


def file_of(module):
    """The file of a module, a POSIX path from the top folder; of a package its __init__.py."""
    path = Path(*module.split("."))
    return (path / "__init__.py" if (ROOT / path / "__init__.py").is_file() else path.with_suffix(".py")).as_posix()


def code_of(script):
    """The modules that a script imports, wherever an import stands, itself among them, as sorted files.

    The `__init__.py` of a package is left out.
    """
    modules = {module_of(script)} | graph().find_upstream_modules(module_of(script))
    return sorted(file for file in map(file_of, modules) if not file.endswith("__init__.py"))
