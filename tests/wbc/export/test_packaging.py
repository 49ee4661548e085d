"""decision.json of a classifier's folder: what is written is read, and what isn't whole is refused by name."""

import json

import pytest

from wbc.common.errors import UserError
from wbc.export.decision import Decision, from_json
from wbc.export.framing import ANY
from wbc.export.packaging import DECISION, read_facts, write_facts

WHEN = Decision(["a", "b"], 1.1, 0.2, 0.5, 3, 0.9, 0.99)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "head.npz").write_bytes(b"head")
    (tmp_path / "backbone.pb").write_bytes(b"backbone")
    write_facts(
        tmp_path,
        WHEN,
        heads=["head.npz"],
        image_size=96,
        test_views=8,
        learned_from="3 cells",
        synthetic=True,
        foreground=(0.1, 0.2),
    )
    return tmp_path


def test_what_is_written_is_read(folder):
    facts = read_facts(folder)
    assert from_json(facts) == WHEN
    assert (facts["heads"], facts["image_size"], facts["test_views"]) == (["head.npz"], 96, 8)
    assert (facts["learned_from"], facts["synthetic"]) == ("3 cells", True)
    assert facts["foreground"] == [0.1, 0.2]
    assert set(facts["sha256"]) == {"head.npz", "backbone.pb"} and "weights_sha256" not in facts


def test_a_backbone_yet_to_be_built_is_named_by_its_weights(tmp_path):
    settings = {"image_size": 96, "test_views": 8, "learned_from": "3 cells", "synthetic": False, "foreground": ANY}
    write_facts(tmp_path, WHEN, heads=[], **settings, weights_sha256="0f")
    assert read_facts(tmp_path)["weights_sha256"] == "0f"


def test_a_folder_of_an_earlier_version_says_nothing_of_what_it_has_learned_from(folder):
    facts = json.loads((folder / DECISION).read_text())
    kept = {name: facts[name] for name in facts if name not in ("synthetic", "foreground")}
    (folder / DECISION).write_text(json.dumps(kept))
    facts = read_facts(folder)
    assert (facts["synthetic"], facts["foreground"]) == (False, ANY)


@pytest.mark.parametrize("name", ["head.npz", DECISION])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} is not there"):
        read_facts(folder)


def test_a_changed_file_is_named(folder):
    (folder / "head.npz").write_bytes(b"tail")
    with pytest.raises(UserError, match=r"head.npz is not the file that was shipped"):
        read_facts(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"sha256": 1}', b'{"sha256": {"head.npz": ', b"\xff\xfe"])
def test_a_damaged_decision_is_said_to_be(folder, content):
    (folder / DECISION).write_bytes(content)
    with pytest.raises(UserError, match=rf"{DECISION} is damaged"):
        read_facts(folder)
