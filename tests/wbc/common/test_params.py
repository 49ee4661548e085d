import pydantic
import pytest
from dvc.utils.serialize import load_yaml

from wbc.common.errors import UserError
from wbc.common.params import Section, load, read_yaml


class Inner(Section):
    dropout: float = pydantic.Field(ge=0, lt=1)
    units: list[pydantic.PositiveInt]


class Outer(Section):
    seed: int
    head: Inner


def read(tmp_path, text):
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, "train", Outer)


def test_values_arrive_typed(tmp_path):
    settings = read(tmp_path, "train: {seed: 3, head: {dropout: 0.5, units: [8, 4]}}")
    assert (settings.seed, settings.head.dropout, settings.head.units) == (3, 0.5, [8, 4])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "train: {seed: 3, head: {dropuot: 0.5, units: []}}",
            "`train.head.dropuot` is not a parameter. Did you mean `train.head.dropout`?",
        ),
        ("train: {seed: 3, head: {dropout: 0.5, units: []}, zzz: 1}", "Must be one of `train.seed`, `train.head`"),
        (
            "train: {seed: 3, head: {dropout: 1.5, units: []}}",
            "`train.head.dropout` is 1.5: input should be less than 1",
        ),
        ("train: {seed: 3, head: {dropout: 0.5, units: [8, -1]}}", "`train.head.units.1` is -1"),
        ("train: {seed: '3', head: {dropout: 0.5, units: []}}", "`train.seed` is '3': input should be a valid integer"),
        ("train: {head: {dropout: 0.5, units: []}}", "`train.seed` is missing"),
        ("train:", "`train` is None"),
        ("trian: {}", "has no section `train`. Did you mean `trian`?"),
        ("- a\n- b", "holds list"),
        ("train: {seed: [", "not valid YAML"),
        ("train: !!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_every_fault_names_its_key(tmp_path, text, said):
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    assert said in str(error.value)


def test_all_faults_are_listed_at_once(tmp_path):
    with pytest.raises(UserError) as error:
        read(tmp_path, "train: {seed: x, head: {dropout: 2, units: [0]}}")
    assert all(key in str(error.value) for key in ("train.seed", "train.head.dropout", "train.head.units.0"))


def test_a_missing_file_says_where_to_be(tmp_path):
    with pytest.raises(UserError, match="top folder"):
        load(tmp_path / "params.yaml", "train", Outer)


def test_numbers_are_read_as_dvc_reads_them(tmp_path):
    text = "a: {l2: 1e-5, seed: 010, flag: yes, thousand: 1_000, time: 12:30}"
    (tmp_path / "params.yaml").write_text(text)
    content = read_yaml(tmp_path / "params.yaml")
    assert content == load_yaml(str(tmp_path / "params.yaml"))
    assert content["a"]["l2"] == 1e-5
    assert content["a"]["seed"] == 10


def test_aliases_of_aliases_are_refused(tmp_path):
    bomb = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    (tmp_path / "params.yaml").write_text("\n".join(bomb))
    with pytest.raises(UserError, match="aliases"):
        read_yaml(tmp_path / "params.yaml")


NESTED = "\n".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 9))
MERGED = "\n".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}], k{n}: 1}}" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"b0: &b0 [x, x]\n{NESTED}\ntrain: {{seed: *b8}}", "aliases"),
        (f"m0: &m0 {{x: 1}}\n{MERGED}\ntrain: {{<<: *m8}}", "aliases"),
        ("train: &t {seed: *t}", "aliases"),
        ("train: " + "[" * 100_000, "1,000 brackets"),
        ("train: " + "{a: " * 5000 + "}" * 5000, "1,000 brackets"),
        ("\n".join(" " * depth + "a:" for depth in range(450)), "no section"),
        ("a:\n" * 100_000, "131,072 letters"),
        (f"train: {{seed: {'1' * 10_000}}}", "not valid YAML"),
        (f"train: {{head: 0x{'f' * 10_000}}}", "is a number of thousands of digits"),
        ("train: {seed: 2001-13-45}", "not valid YAML: month must be in 1..12"),
        ("train: {seed: !!int x}", "not valid YAML"),
        ("train: {<<: 3}", "not valid YAML"),
        (f"train: {{seed: {'x' * 50_000}}}", "..."),
        (f"train: {{{', '.join(f'k{n}: 1' for n in range(900))}}}", "and 882 more"),
    ],
    ids=range(14),
)
def test_hostile_yaml_is_a_short_message(tmp_path, text, said):
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    assert said in str(error.value)
    assert len(str(error.value)) < 3000


def test_a_plain_alias_is_read(tmp_path):
    assert read(tmp_path, "s: &seed 3\ntrain: {seed: *seed, head: {dropout: 0, units: []}}").seed == 3
