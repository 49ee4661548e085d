"""Update of environment.yaml, the pinned versions of the packages that compute results, for `make lock`.

    python -m tools.lock_environment [--check]

The names of the packages are in environment.yaml itself. With --check nothing is written; the exit status is 1 if the
file is out of date or an installed package has another version.
"""

import argparse
import importlib.metadata
import re
from pathlib import Path

from ruamel.yaml import YAML

from wbc.common.errors import UserError, exit_on_user_error

FILE, PINNED = Path("environment.yaml"), Path("requirements.txt")


@exit_on_user_error
def main() -> None:
    """Update environment.yaml, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a version differs")
    if parser.parse_args().check:
        check()
        return
    text = FILE.read_text(encoding="utf-8")
    comment = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    versions = [f'{name}: "{pinned(name)}"\n' for name in read()]
    FILE.write_text(comment + "".join(versions), encoding="utf-8")


def read() -> dict[str, str]:
    """Return {package: version} from environment.yaml."""
    return YAML(typ="safe").load(FILE)


def pinned(name: str) -> str:
    """Return the version of a package in requirements.txt."""
    found = re.search(rf"^{re.escape(name)}==([^\s;]+)", PINNED.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise UserError(f"{PINNED} does not pin {name}, which {FILE} names.")
    return found[1]


def check() -> None:
    """Raise a `UserError` if environment.yaml, requirements.txt and the installed packages disagree."""
    for name, version in read().items():
        if version != pinned(name):
            raise UserError(f"{FILE} says {name} {version}, and {PINNED} {pinned(name)}. Type `make lock`.")
        if (installed := importlib.metadata.version(name)) != version:
            raise UserError(
                f"{name} {installed} is installed, and {FILE} says {version}: results would be recorded under the "
                "wrong version. Type `make setup`."
            )


if __name__ == "__main__":
    main()
