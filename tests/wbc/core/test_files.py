import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from wbc.core.errors import UserError
from wbc.core.files import read_json, replacing, write_json


def test_a_file_is_replaced_only_when_it_is_whole(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    with replacing(target) as partial:
        partial.write_text("new")
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_full_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with replacing(target) as partial:
        partial.mkdir()
        (partial / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_killed_process_leaves_the_old_file(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    script = """
        import os, signal, sys
        from wbc.core.files import replacing
        with replacing(sys.argv[1]) as partial:
            partial.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), target], env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    )
    assert run.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    # It couldn't tidy up; the next one does, and leaves alone what a running process is making.
    running = tmp_path / f".out.txt.{os.getpid()}.x.partial"
    running.mkdir()
    assert len(list(tmp_path.glob(".*.partial"))) == 2
    with replacing(target) as partial:
        partial.write_text("new")
    assert list(tmp_path.glob(".*.partial")) == [running]


def test_a_full_disk_is_said_and_keeps_the_old_file(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(UserError, match="disk is full"), replacing(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert target.read_text() == "old"


def test_json_refuses_what_json_has_no_word_for(tmp_path):
    write_json(tmp_path / "a.json", {"zelle": "größe"})
    assert read_json(tmp_path / "a.json") == {"zelle": "größe"}
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert read_json(tmp_path / "a.json") == {"zelle": "größe"}
