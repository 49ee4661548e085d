"""What a user leaves out or labels otherwise is moved, and a list that doesn't fit changes nothing."""

from pathlib import Path

import pytest

from wbc.common.errors import UserError
from wbc.fetch import corrections
from wbc.fetch.corrections import EXCLUDED


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """Three images of two classes."""
    monkeypatch.chdir(tmp_path)
    for path in ("basophil/1.png", "basophil/2.png", "monocyte/1.png"):
        Path("raw", path).parent.mkdir(parents=True, exist_ok=True)
        Path("raw", path).write_text(path)
    return Path("raw")


def lists(exclude=None, relabel=None):
    """Write lists and return their names."""
    for name, content in (("exclude.csv", exclude), ("relabel.csv", relabel)):
        if content is not None:
            Path(name).write_text(content, encoding="utf-8")
    return exclude and "exclude.csv", relabel and "relabel.csv"


def correct(raw, quarantine, *names):
    """Read lists of this folder, and correct the images by them."""
    return corrections.correct(raw, quarantine, corrections.read(Path(), *names))


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).glob("*/*"))


def test_without_lists_nothing_is_moved(raw):
    assert correct(raw, Path("out"), None, None) == ([], {})
    assert len(files("raw")) == 3 and files("out") == []


def test_images_are_left_out_and_labelled_otherwise(raw):
    done = correct(
        raw, Path("out"), *lists("file\nmonocyte/1.png\n", "file,label\n2.png,monocyte\nbasophil/1.png,basophil\n")
    )
    assert done.excluded == [("monocyte/1.png", EXCLUDED)]
    assert done.relabelled == {"basophil/2.png": "monocyte/2.png"}
    assert files("raw") == ["basophil/1.png", "monocyte/2.png"] and files("out") == ["monocyte/1.png"]
    assert Path("raw/monocyte/2.png").read_text() == "basophil/2.png"


def test_a_pattern_names_many(raw):
    assert len(correct(raw, Path("out"), *lists("file\nbasophil/*\n")).excluded) == 2


def test_what_is_named_twice_is_left_out_once(raw):
    assert len(correct(raw, Path("out"), *lists("file\nbasophil/*\n2.png\n*\n")).excluded) == 3


@pytest.mark.parametrize(
    ("exclude", "relabel", "words"),
    [
        ("file\n3.png\n", None, "exclude.csv names what is not among the 3 images: 3.png"),
        ("path\n1.png\n", None, "should have the columns `file` and no other, but has path"),
        ("file\n1.png\n", None, "Write <class>/<name>"),
        ("", None, "exclude.csv doesn't exist"),
        (None, "file,label\n2.png,monocite\n", "Did you mean monocyte?"),
        (None, "file,label\nbasophil/1.png,monocyte\n", "which has another file of that name"),
        (None, "file,label\n2.png,monocyte\nbasophil/2.png,basophil\n", "two things of one image, by `label`"),
        (None, "file,label\n2.png,\nbasophil/1.png,monocyte\n", "relabel.csv gives no label to 2.png"),
        ("file\n2.png\n", "file,label\n2.png,monocyte\n", "named by both exclude.csv and relabel.csv"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_and_changes_nothing(raw, exclude, relabel, words):
    names = lists(exclude or None, relabel)
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        correct(raw, Path("out"), names[0] or ("exclude.csv" if exclude == "" else None), names[1])
    assert len(files("raw")) == 3
