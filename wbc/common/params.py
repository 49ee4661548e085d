"""Reader of params.yaml: an unknown key, a wrong type or a value out of range is an error that names the key."""

import difflib
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
from ruamel.yaml import YAML, AliasEvent, CollectionEndEvent, CollectionStartEvent

from wbc.common.errors import UserError

S = TypeVar("S", bound=pydantic.BaseModel)
MAX_LETTERS, MAX_ALIASES, MAX_BRACKETS = 2**17, 100, 1000  # limits; a larger parameters file takes minutes to read
MAX_FAULTS = 20  # listed in a message at most


# Names of earlier versions: {old: current}.
RENAMED = {
    "use": "`export`",
    "embed.backbone": "nothing: the backbone is EfficientNetB0",
    "embed.test_views": "`embed.tta_views`",
    "intervals.n_resamples": "nothing: intervals are computed without resampling",
    "intervals.seed": "nothing: intervals are computed without resampling",
}


class Section(pydantic.BaseModel):
    """Base of every group of parameters: unknown keys are errors, `"3"` is not a number, and fields are read-only."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


def one_of(registry: Iterable[str]) -> Any:
    """Return the type of a parameter that must be a word of a registry, such as a key of a dict.

    Type checkers can't evaluate such a type, so each use carries a `type: ignore`.
    """
    return Literal[tuple(registry)]


def load(path: Path | str, name: str, schema: type[S]) -> S:
    """Return section `name` of the YAML file at `path`, checked against `schema`.

    Args:
        path: the parameters file.
        name: key of the section at the file's top level, such as "train".
        schema: a `Section` subclass.

    Raises:
        UserError: the file or the section can't be read, or a key or value is wrong; the message lists the faults.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UserError(f"{path} should hold sections such as `{name}:`, but holds {type(content).__name__}.")
    if name not in content:
        old = next((old for old, new in RENAMED.items() if new == f"`{name}`" and old in content), None)
        hint = f" It was called `{old}`: rename that." if old else _nearest(name, content)
        raise UserError(f"{path} has no section `{name}`.{hint}")
    try:
        return schema.model_validate(content[name])
    except pydantic.ValidationError as error:
        found = error.errors()
        lines = [f"  - {_describe(name, schema, fault)}" for fault in found[:MAX_FAULTS]]
        if len(found) > MAX_FAULTS:
            lines.append(f"  - and {len(found) - MAX_FAULTS:,} more")
        faults = "\n".join(lines)
        raise UserError(f"{path} can't be used:\n{faults}\nCorrect it there, then type `dvc repro`.") from None


def flat(content: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested dicts as pairs of a dotted key and a value.

    >>> flat({"train": {"seed": 1}})
    [('train.seed', 1)]
    """
    if not isinstance(content, dict):
        return [(prefix, content)]
    return [pair for key, value in content.items() for pair in flat(value, f"{prefix}.{key}" if prefix else str(key))]


def read_yaml(path: Path | str) -> Any:
    """Return the content of a YAML file, read as DVC does: YAML 1.2, in which 1e-5 is a number and 010 is ten.

    Raises:
        UserError: the file doesn't exist, is not YAML, or is too large or too nested for parameters.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MAX_LETTERS + 1)
    except FileNotFoundError:
        raise UserError(f"{path} doesn't exist. Run this from the project's top folder.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    if len(text) > MAX_LETTERS or text.count("[") + text.count("{") > MAX_BRACKETS:
        raise UserError(
            f"{path} is no parameters file: it has over {MAX_LETTERS:,} letters or {MAX_BRACKETS:,} brackets."
        )
    try:
        _check_aliases(path, text)
        return YAML(typ="safe").load(text)
    except UserError:
        raise
    except Exception as error:  # numbers, dates and tags make the constructors raise ValueError, TypeError and others
        raise UserError(f"{path} is not valid YAML: {str(error)[:1000] or type(error).__name__}") from None


def _check_aliases(path: Path | str, text: str) -> None:
    """Refuse many aliases, and aliases of aliases: a few lines of them can expand beyond the memory."""
    aliases = 0
    anchored: list[bool] = []  # for each open collection, whether it or one around it has an anchor
    for event in YAML(typ="safe").parse(text):
        if isinstance(event, CollectionStartEvent):
            anchored.append(bool(event.anchor) or any(anchored[-1:]))
        elif isinstance(event, CollectionEndEvent):
            anchored.pop()
        elif isinstance(event, AliasEvent):
            aliases += 1
            if aliases > MAX_ALIASES or any(anchored[-1:]):
                raise UserError(
                    f"{path} has aliases (`*name`) in what an anchor (`&name`) marks, or more than {MAX_ALIASES:,} of "
                    "them. Write the values out."
                )


def _describe(section: str, schema: type[pydantic.BaseModel], fault: Any) -> str:
    """Return one line on a fault: the key (`train.head.dropout`), its value and the allowed values."""
    keys = [str(part) for part in fault["loc"]]
    key = ".".join([section, *keys])
    if key in RENAMED:
        return f"`{key}` is the name of an earlier version. Write {RENAMED[key]}."
    if fault["type"] == "extra_forbidden":
        valid = _fields(schema, keys[:-1])
        return f"`{key}` is not a parameter.{_nearest(keys[-1], valid, '.'.join([section, *keys[:-1]]))}"
    if fault["type"] == "missing":
        return f"`{key}` is missing."
    return f"`{key}` is {_shown(fault['input'])}: {fault['msg'][0].lower()}{fault['msg'][1:]}."


def _shown(value: Any) -> str:
    """Return a value as text, shortened if it is long."""
    shown = reprlib.Repr()
    shown.maxstring = shown.maxother = 100
    try:
        return shown.repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "a number of thousands of digits"


def _fields(schema: type[pydantic.BaseModel], keys: list[str]) -> list[str]:
    """Return the names of the parameters in the group at `keys`."""
    for key in keys:
        field = schema.model_fields.get(key)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, Section):
            return []
        schema = field.annotation
    return list(schema.model_fields)


def _nearest(word: str, candidates: Iterable[Any], prefix: str = "") -> str:
    """Return a sentence that names the candidate closest to `word`, or all candidates if none is close."""
    candidates = [str(candidate) for candidate in candidates]
    if not candidates:
        return ""
    dotted = f"{prefix}." if prefix else ""
    close = difflib.get_close_matches(word, candidates, n=1, cutoff=0.5)
    if close:
        return f" Did you mean `{dotted}{close[0]}`?"
    return " Must be one of " + ", ".join(f"`{dotted}{name}`" for name in candidates) + "."
