"""Digest of source code for cache keys, so that a cache never returns results of other code."""

import ast
import hashlib
import importlib.util
import threading
from pathlib import Path

# Python counts the recursion depth of all threads together, and raises a SystemError if two threads parse at once:
# https://github.com/python/cpython/issues/106905
PARSING = threading.Lock()


def code_digest(modules: tuple[str, ...]) -> str:
    """Return the SHA-256, in hexadecimal, of the code of modules, without comments, docstrings and layout.

    Args:
        modules: dotted names, such as ("wbc.embed.views",). The modules are read, not imported.
    """
    digest = hashlib.sha256()
    for name in modules:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"there is no module {name} with a file of its own")
        source = Path(spec.origin).read_text(encoding="utf-8")
        digest.update(f"{name}\n{meaning(source)}\n".encode())
    return digest.hexdigest()


def meaning(source: str) -> str:
    """Return the syntax tree of Python source as text, without docstrings."""
    with PARSING:
        tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
