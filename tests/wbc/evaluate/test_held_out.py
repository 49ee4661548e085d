from pathlib import Path
from types import SimpleNamespace

import pytest

from wbc.common.errors import UserError
from wbc.evaluate.held_out import held_out
from wbc.train.heads import Heads


def test_heads_of_other_classes_stop():
    heads = Heads(Path("models/heads"), ["a", "b", "c"], {})
    with pytest.raises(UserError, match=r"are of the classes a, b, c, but the splits are of a, b: .* `dvc repro`"):
        held_out("crossval", heads, None, SimpleNamespace(classes=["a", "b"]))
