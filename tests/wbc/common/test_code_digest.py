import sys

import pytest

from wbc.common.code_digest import code_digest, meaning

SOURCE = '"""What it is."""\n\n\ndef double(x):\n    """Return twice x."""\n    return 2 * x  # a comment\n'


def test_comments_docstrings_and_layout_do_not_count():
    assert meaning(SOURCE) == meaning("def double(x):\n\n    'Other words.'\n    return (2 * x)\n")


def test_another_number_counts():
    assert meaning(SOURCE) != meaning(SOURCE.replace("2 * x", "3 * x"))


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """Return a function that writes a module and returns its digest."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source):
        (tmp_path / "made_up_module.py").write_text(source)
        return code_digest(("made_up_module",))

    return write


def test_a_digest_follows_the_file_and_imports_nothing(digest):
    first = digest(SOURCE)
    assert digest(SOURCE.replace("a comment", "another")) == first
    assert digest(SOURCE + "raise SystemExit\n") != first
    assert "made_up_module" not in sys.modules
