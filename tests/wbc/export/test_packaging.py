"""The folder of a packaged classifier: what is written is read, and whatever a stranger did to it ends in a message."""

import hashlib
import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from wbc.common.errors import UserError
from wbc.common.files import write_npz
from wbc.export.decision import Decision, save_reference
from wbc.export.framing import ANY
from wbc.export.ood import Reference
from wbc.export.packaging import BACKBONE, DECISION, REFERENCE, read_facts, read_package, write_facts
from wbc.train.head import build_head, save_head
from wbc.train.params import HeadParams

WHEN = Decision(["a", "b"], 1.1, 0.2, 0.5, 3, 0.9, 0.99)
SETTINGS = {"image_size": 96, "tta_views": 8, "trained_on": "3 cells", "synthetic": True, "foreground": (0.1, 0.2)}
HEAD = build_head(3, 2, HeadParams(units=[4], dropout=0.0, l2=0.0, standardize=True), seed=1)


@pytest.fixture
def folder(tmp_path):
    save_head(HEAD, tmp_path / "head.npz")
    save_reference(Reference(np.zeros(3), np.ones(3), np.eye(3)), tmp_path / REFERENCE)
    (tmp_path / BACKBONE).write_bytes(b"backbone")
    (tmp_path / "classifier.keras").write_bytes(b"keras")
    write_facts(tmp_path, WHEN, heads=["head.npz"], **SETTINGS, score="balanced accuracy 0.9")
    return tmp_path


def change(folder, **changes):
    """Change what decision.json says; None takes a key out."""
    facts = json.loads((folder / DECISION).read_text()) | changes
    text = json.dumps({name: value for name, value in facts.items() if value is not None})
    (folder / DECISION).write_text(text)


def replace(folder, name, content):
    """Put other bytes into a file, and their SHA-256 into decision.json, as an attacker would."""
    (folder / name).write_bytes(content)
    digests = json.loads((folder / DECISION).read_text())["sha256"]
    change(folder, sha256=digests | {name: hashlib.sha256(content).hexdigest()})


def npz(arrays):
    """The bytes of an .npz file of arrays, or of members as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            if isinstance(array, bytes):
                member.write(array)
            else:
                np.lib.format.write_array(member, array)
            archive.writestr(f"{name}.npy", member.getvalue())
    return file.getvalue()


def declared(shape, kind="<f4"):
    """The bytes of an array of which the header says much and of which nothing follows."""
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def arrays(**changes):
    """The arrays of the head, some of them changed; None takes one out."""
    norm = vars(HEAD.dense[0]) | vars(HEAD.norms[0])
    named = {f"block_1_{name}": array for name, array in norm.items()}
    named |= vars(HEAD.standardize) | vars(HEAD.dense[-1])
    named = {name: array.astype(np.float32) for name, array in named.items()} | changes
    return npz({name: array for name, array in named.items() if array is not None})


def test_what_is_written_is_read(folder):
    facts, (head,), reference, backbone = read_package(folder)
    assert facts.decision == WHEN and facts.heads == ["head.npz"]
    assert (facts.image_size, facts.tta_views, facts.trained_on, facts.synthetic) == (96, 8, "3 cells", True)
    assert facts.foreground == (0.1, 0.2) and facts.score == "balanced accuracy 0.9"
    assert set(facts.sha256) == {"head.npz", REFERENCE, BACKBONE, "classifier.keras"} and not facts.weights_sha256
    assert backbone == b"backbone" and reference.directions.shape == (3, 3)
    np.testing.assert_array_equal(head.dense[0].kernel, HEAD.dense[0].kernel.astype(np.float32))
    np.testing.assert_array_equal(head.dense[1].kernel, HEAD.dense[1].kernel.astype(np.float32))


def test_a_backbone_yet_to_be_built_is_named_by_its_weights(folder):
    for name in (BACKBONE, DECISION):
        (folder / name).unlink()
    write_facts(folder, WHEN, heads=["head.npz"], **SETTINGS, weights_sha256="0f" * 32)
    assert read_facts(folder).weights_sha256 == "0f" * 32
    with pytest.raises(UserError, match="has yet to be built"):
        read_package(folder)


def test_a_folder_of_an_earlier_version_says_nothing_of_its_training_images(folder):
    change(folder, synthetic=None, foreground=None, score=None)
    facts = read_facts(folder)
    assert (facts.synthetic, facts.foreground, facts.score) == (False, ANY, "")


def test_links_to_files_are_followed_as_dvc_makes_them(folder, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    for name in ("head.npz", DECISION):
        (folder / name).rename(cache / name)
        (folder / name).symlink_to(cache / name)
    assert read_package(folder).facts.decision == WHEN


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": 0}, "temperature"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": "1.0"}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"set_threshold": 1.5}, "set_threshold"),
        ({"set_threshold": float("nan")}, "set_threshold"),
        ({"distance_threshold": -0.1}, "distance_threshold"),
        ({"distance_threshold": float("nan")}, "distance_threshold"),
        ({"neighbors": 0}, "neighbors"),
        ({"neighbors": 2.5}, "neighbors"),
        ({"coverage": 1.0}, "coverage"),
        ({"known": None}, "known"),
        ({"classes": ["a"]}, "classes"),
        ({"classes": ["a", "a"]}, "differ from each other"),
        ({"classes": ["a", "\x1b[2Jb"]}, "letters that can be seen"),
        ({"classes": ["a", ""]}, "classes"),
        ({"classes": ["a", "b", "c"]}, r"head.npz does not fit .* bias the shape \(3,\) was expected, found \(2,\)"),
        ({"heads": []}, "heads"),
        ({"heads": ["../head.npz"]}, "heads"),
        ({"heads": ["/etc/passwd"]}, "heads"),
        ({"heads": ["other.npz"]}, "`sha256` must name other.npz"),
        ({"heads": [REFERENCE]}, "does not fit the classifier"),
        ({"image_size": 10**9}, "image_size"),
        ({"image_size": 0}, "image_size"),
        ({"image_size": 96.5}, "image_size"),
        ({"tta_views": 7}, "must be 1 or 8"),
        ({"foreground": [0.9, 0.1]}, "must not be the larger"),
        ({"foreground": [float("nan"), 1]}, "foreground"),
        ({"sha256": {}}, "`sha256` must name"),
        ({"sha256": {"../../etc/passwd": "0" * 64}}, "sha256"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
    ids=str,
)
def test_what_decision_json_may_not_say_is_named(folder, changes, words):
    change(folder, **changes)
    if changes.get("known", 1) is None:
        assert '"known"' not in (folder / DECISION).read_text()
    with pytest.raises(UserError, match=words):
        read_package(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"sha256": 1}',
        b'{"sha256": {"head.npz": ',
        b"\xff\xfe",
        b"[" * 100_000,
        b"9" * 100_000,
    ],
    ids=lambda content: str(content[:20]),
)
def test_a_damaged_decision_is_said_to_be(folder, content):
    (folder / DECISION).write_bytes(content)
    with pytest.raises(UserError, match=rf"{DECISION} (is damaged|has 0 bytes)"):
        read_package(folder)


@pytest.mark.parametrize("name", ["head.npz", DECISION, REFERENCE, BACKBONE, "classifier.keras"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} is not there"):
        read_package(folder)


@pytest.mark.parametrize("name", ["head.npz", REFERENCE, BACKBONE, "classifier.keras"])
def test_a_flipped_bit_is_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name} is not the file that decision.json names: its SHA-256 differs"):
        read_package(folder)


@pytest.mark.parametrize("name", ["head.npz", DECISION, BACKBONE, "classifier.keras"])
@pytest.mark.parametrize("kind", ["/dev/zero", "/dev/random", "/proc/kmsg", "pipe", "folder", "endless"])
def test_what_has_no_end_or_is_no_file_is_refused_at_once(folder, name, kind):
    (folder / name).unlink()
    if kind == "pipe":
        os.mkfifo(folder / name)
    elif kind == "folder":
        (folder / name).mkdir()
    elif kind == "endless":
        with (folder / name).open("wb") as file:
            file.truncate(2**40)  # a hole of a terabyte
    else:
        (folder / name).symlink_to(kind)
    with pytest.raises(UserError, match=f"{name} (is a folder, a pipe or a device|has [0-9,]+ bytes)"):
        read_package(folder)


class Evil:
    """What a pickle would run."""

    ran = False

    def __reduce__(self):
        return setattr, (Evil, "ran", True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no zip", "damaged"),
        (b"PK\x03\x04 cut off", "damaged"),
        (pickle.dumps(Evil()), "damaged"),
        (arrays(kernel=pickle.dumps(Evil())), "damaged"),
        (arrays(kernel=np.array([[Evil()] * 2] * 4)), "numbers were expected"),
        (arrays(kernel=np.full((4, 2), "x")), "numbers were expected"),
        (arrays(kernel=np.ones((4, 2), np.int64)), "numbers were expected"),
        (arrays(kernel=np.full((4, 2), np.nan, np.float32)), "infinite or NaN"),
        (arrays(bias=np.array([0, np.inf], np.float32)), "infinite or NaN"),
        (arrays(kernel=declared((1_500_000_000,))), "another number of bytes"),
        (arrays(kernel=declared((10**12, 10**12))), "another number of bytes"),
        (arrays(kernel=declared((-4, 2))), "damaged"),
        (arrays(kernel=b"\x93NUMPY\x01\x00\xff\xff{"), "damaged"),
        (arrays(kernel=b"\x93NUMPY\x09\x00"), "version"),
        (arrays(kernel=b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 5000), "damaged"),
        (npz({"kernel": bytes(MOST := 2**29 + 1)}), f"more than {MOST - 1:,} bytes"),
        (arrays(kernel=np.ones((2, 4), np.float32)), r"kernel the shape \(4, 2\) was expected, found \(2, 4\)"),
        (arrays(kernel=np.float32(1)), "does not fit the classifier"),
        (arrays(center=np.zeros(5, np.float32)), r"center the shape \(3,\)"),
        (arrays(block_1_bias=None), "block_1_bias"),
        (arrays(block_1_kernel=np.float32(1)), "does not fit the classifier"),
        (arrays(block_2_kernel=np.ones((4, 4), np.float32)), "block_2_"),
        (arrays(more=np.ones(1, np.float32)), "more the shape none was expected"),
        (arrays(scale=np.zeros(3, np.float32)), "not positive"),
        (arrays(block_1_variance=-np.ones(4, np.float32)), "not positive"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_a_malicious_head_is_refused_and_nothing_in_it_is_run(folder, content, words):
    replace(folder, "head.npz", content)
    with pytest.raises(UserError, match=words):
        read_package(folder)
    assert not Evil.ran


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"mean": np.zeros(3), "deviation": np.ones(3), "directions": np.zeros((0, 3))},
        {"mean": np.zeros(3), "deviation": np.ones(4), "directions": np.eye(3)},
        {"mean": np.zeros(3), "deviation": np.zeros(3), "directions": np.eye(3)},
        {"mean": np.zeros(4), "deviation": np.ones(4), "directions": np.eye(4)},
        {"mean": np.float64(1), "deviation": np.float64(1), "directions": np.float64(1)},
        {"mean": np.zeros(3), "deviation": np.ones(3), "directions": np.full((3, 3), np.nan)},
    ],
    ids=["nothing", "no image", "other shapes", "zero deviation", "other features", "scalars", "NaN"],
)
def test_a_reference_that_does_not_fit_is_refused(folder, content):
    write_npz(folder / REFERENCE, {name: np.asarray(array) for name, array in content.items()})
    replace(folder, REFERENCE, (folder / REFERENCE).read_bytes())
    with pytest.raises(UserError, match=r"does not fit|damaged"):
        read_package(folder)


@pytest.mark.parametrize(
    "name", ["classifier.keras", "weights.h5", "model.onnx", "model.tflite", "model.pkl", "model.pt"]
)
def test_other_models_in_the_folder_are_hashed_and_never_opened(folder, name):
    """Some of these formats can run code when they are loaded."""
    replace(folder, name, pickle.dumps(Evil()))
    assert read_package(folder).facts.decision == WHEN
    assert not Evil.ran
