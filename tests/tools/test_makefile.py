"""`make predict` with paths that make and the shell would read as something else."""

import os
import subprocess

import pytest

from tests.imports import ROOT


@pytest.mark.parametrize("path", ["a $b", "$(x)", "it's", 'say "cells"', "`id`", "a;b&c", "$HOME"])
def test_a_path_reaches_the_command_as_it_was_typed(path, tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    command = ["make", "--silent", "-o", "setup", "predict", f"BIN={tmp_path}", f"IMAGES={path}", f"MODEL={path}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | {"b": "wrong"})
    assert run.stdout.splitlines() == ["-m", "wbc.cli", "predict", path, "--model", path]
