"""What a stage's script reads of the project's own code: modules and templates, followed through the imports."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def code_of(script):
    """Return the code that running `script` reads, itself among it, as sorted POSIX paths from the top folder.

    A templates folder beside a module is read by the module that names it.
    """
    seen, waiting = set(), [Path(script)]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        if file.suffix == ".py":
            waiting += _imports(file)
            waiting += _templates(file)
    return sorted(file.as_posix() for file in seen)


def _imports(file):
    """The project files that a module imports, wherever in it the import stands."""
    names = []
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively; this project doesn't"
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    files = [Path(*name.split(".")).with_suffix(".py") for name in names]
    return [found for found in files if (ROOT / found).is_file()]


def _templates(file):
    folder = file.parent / "templates"
    if not (ROOT / folder).is_dir() or "templates" not in (ROOT / file).read_text(encoding="utf-8"):
        return []
    return [template.relative_to(ROOT) for template in (ROOT / folder).iterdir()]
