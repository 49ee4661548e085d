import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from wbc.common.errors import UserError, exit_on_user_error
from wbc.common.os_errors import full_disk

ROOT = Path(__file__).parents[3]
SCRIPTS = [
    file.relative_to(ROOT).as_posix()
    for folder in ("stages", "tools", "pretraining", "research", "benchmarks")
    for file in sorted((ROOT / folder).glob("*.py"))
    if "__main__" in file.read_text(encoding="utf-8")
]
# These two run without this project: what people write who have nothing of it, and what another interpreter runs.
UNGUARDED = {"benchmarks/naive.py", "research/near_duplicate_libraries.py"}


def ends(main):
    with pytest.raises(SystemExit) as end:
        exit_on_user_error(main)()
    return end.value.code


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_ends_so(script):
    guarded = "@exit_on_user_error\ndef main(" in (ROOT / script).read_text(encoding="utf-8")
    assert guarded or script in UNGUARDED


def test_a_users_mistake_is_a_message_and_status_1(capsys):
    def main():
        raise UserError("Asked for a, found b. Type c.")

    assert ends(main) == 1
    assert capsys.readouterr().err == "\nerror: Asked for a, found b. Type c.\n\n"


def test_a_missing_input_names_the_file_and_the_command(capsys):
    assert ends(lambda: open("data/no-manifest.csv")) == 1  # noqa: PTH123, SIM115
    printed = capsys.readouterr().err
    assert "data/no-manifest.csv is not there" in printed
    assert "dvc repro" in printed


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_on_user_error(lambda: 1 / 0)()


def test_what_main_returns_comes_through():
    assert exit_on_user_error(lambda: 7)() == 7


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/etc/shadow"), ["/etc/shadow", "Permission denied"]),
        (
            PermissionError(errno.EACCES, "Permission denied", "/proc/.new.making"),
            ["The folder /proc/ can't be written"],
        ),
        (OSError(errno.EROFS, "Read-only file system", "reports"), ["reports", "read-only"]),
        (OSError(errno.EMFILE, "Too many open files", "a"), ["ulimit -n"]),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a"), ["shorter path"]),
        (OSError(errno.EIO, "Input/output error", "a"), ["check the disk"]),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "dvc.lock"), ["dvc.lock", "Is a directory"]),
        (OSError(errno.ENOSPC, "No space left on device"), ["disk is full"]),
        (OSError("no number at all"), ["no number at all"]),
    ],
)
def test_what_the_system_refuses_is_a_message(error, words, capsys):
    @exit_on_user_error
    def main():
        raise error

    with pytest.raises(SystemExit, match="1"):
        main()
    said = capsys.readouterr().err
    assert all(word in said for word in words)
    assert "gc --workspace" not in said, "it would delete the models of experiments"


def test_the_disk_that_is_full_is_the_one_named(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 0})
    temporary = tempfile.gettempdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage if str(path) == temporary else _plenty)
    assert f"temporary files (TMPDIR) (0 MB left at {temporary})" in full_disk("data/images")
    assert "that of data/images" not in full_disk("data/images")


def test_ctrl_c_is_no_traceback(capsys):
    @exit_on_user_error
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert "stopped" in capsys.readouterr().err


_plenty = type("Usage", (), {"free": 2**40})


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_has_gone_is_no_error(lines, unbuffered):
    program = f"""
import time
from wbc.common.errors import exit_on_user_error

@exit_on_user_error
def main():
    time.sleep(1)
    for line in range({lines}):
        print(line)

main()
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, **pipes) as command:
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode == 141
