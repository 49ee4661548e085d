import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from wbc.common.errors import UserError
from wbc.common.files import read_json, replacing, write_json


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
        from wbc.common.files import replacing
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
    assert len(list(tmp_path.glob(".*.partial"))) == 1
    with replacing(target) as running:
        running.write_text("from the first")
        with replacing(target) as partial:
            partial.write_text("from the second")
        assert list(tmp_path.glob(".*.partial")) == [running.parent]
        assert target.read_text() == "from the second"
    assert target.read_text() == "from the first"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_folder_moved_aside_by_a_killed_process_is_put_back(tmp_path):
    room = tmp_path / ".out.x.partial"
    (room / ".replaced").mkdir(parents=True)
    (room / ".replaced" / "old").write_text("old")
    with pytest.raises(RuntimeError), replacing(tmp_path / "out"):
        raise RuntimeError
    assert (tmp_path / "out" / "old").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_moved_aside_is_put_back_when_the_new_one_cannot_take_its_place(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "out"):
        pass  # nothing was made
    assert (tmp_path / "out" / "old").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


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
