"""Write the code that each stage runs into the two dvc.yaml, as `make deps` does; --check only compares.

    python -m tools.code_dependencies [--check]

A stage depends on its script, on every module of this project that the script imports, wherever the import stands, and
on the templates that those modules fill and the pictures that they read. That can be read off the imports, so nobody
keeps it by hand. Other dependencies, such as data, are left as they are.
"""

import argparse
import ast
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from wbc.common.errors import exit_on_user_error

ROOT = Path(__file__).parents[1]
PIPELINES = {"stages": ".", "pretraining": "pretraining"}  # package of the scripts: folder of their dvc.yaml
CODE = re.compile(r"^(wbc|stages|pretraining)/.*\.(py|j2|jpg)$")  # from the top folder


@exit_on_user_error
def main() -> None:
    """Write both dvc.yaml, or compare them and exit with status 1 where one is out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is out of date")
    check = parser.parse_args().check
    stale = []
    for folder in PIPELINES.values():
        file = ROOT / folder / "dvc.yaml"
        written, derived = file.read_text(encoding="utf-8"), with_code_dependencies(file)
        if written != derived:
            stale.append(file.relative_to(ROOT).as_posix())
            if not check:
                file.write_text(derived, encoding="utf-8", newline="\n")
    if stale and check:
        sys.exit(f"error: {' and '.join(stale)} don't list the code that the stages import. Next: make deps")
    print("\n".join(f"{name} was brought up to date" for name in stale) or "the code dependencies are up to date")


def with_code_dependencies(file: Path) -> str:
    """Return the text of a dvc.yaml with the code dependencies of each stage derived from its script's imports."""
    parser = YAML()
    parser.indent(mapping=2, sequence=4, offset=2)
    parser.width = 4096
    content = parser.load(file)
    folder = file.parent.relative_to(ROOT)
    for entry in content["stages"].values():
        stage = entry.get("do", entry)  # of a stage that runs once for each of several data sets
        code = [os.path.relpath(path, folder) for path in code_of(script_of(stage["cmd"]))]
        stage["deps"][:] = [*code, *(dep for dep in stage["deps"] if not CODE.match(from_top(folder, dep)))]
    text = io.StringIO()
    parser.dump(content, text)
    return text.getvalue()


def script_of(command: str) -> str:
    """Return the script that a stage's command runs.

    >>> script_of("cd .. && python -m pretraining.cells")
    'pretraining/cells.py'
    """
    (module,) = re.findall(r"python -m (\S+)", command)
    return module.replace(".", "/") + ".py"


def from_top(folder: Path, path: str) -> str:
    """Return a path of a dvc.yaml in `folder` as a POSIX path from the top folder."""
    return Path(os.path.normpath(folder / path)).as_posix()


def code_of(script: str) -> list[str]:
    """Return the files of code that running `script` reads, itself among them, as sorted POSIX paths from the top.

    A folder of templates or pictures beside a module is read by the module that names it. The `__init__.py` of a
    package holds a docstring only, which a test makes sure of, and is left out.
    """
    seen, waiting = set(), [Path(script)]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        if file.suffix == ".py":
            waiting += imported_files(file)
            waiting += _read_beside(file)
    return sorted(file.as_posix() for file in seen)


def imported_files(file: Path) -> list[Path]:
    """Return the modules of this project that a module imports, wherever in it the import stands."""
    modules = [Path(*name.split(".")).with_suffix(".py") for name in _imported_names(file)]
    return [module for module in modules if (ROOT / module).is_file()]


def _imported_names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and node.level == 0, f"{file} imports relatively; this project doesn't"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _read_beside(file: Path) -> list[Path]:
    """Return the templates and pictures that lie in folders beside a module which it names."""
    code = (ROOT / file).read_text(encoding="utf-8")
    folders = [ROOT / file.parent / name for name in ("templates", "pictures") if f'"{name}"' in code]
    inside = [path.relative_to(ROOT) for folder in folders for path in folder.glob("*")]
    return [path for path in inside if CODE.match(path.as_posix())]


if __name__ == "__main__":
    main()
