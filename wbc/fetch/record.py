"""Record of a run of `fetch`: data/fetch.json, and its summary on the terminal."""

from pathlib import Path
from typing import Self

import pydantic

from wbc.common.files import read_json, reading, write_json
from wbc.fetch.manifest import Inventory, Manifest, count_classes
from wbc.fetch.sources import Origin

RECORD = "fetch.json"


class Converted(pydantic.BaseModel):
    """Images that decoding converts in one way."""

    count: int
    examples: list[str]  # paths of the first of them


class Unused(pydantic.BaseModel):
    """A file that is not among the images."""

    path: str
    reason: str


class FetchRecord(pydantic.BaseModel):
    """Source of the images, and the treatment of each file that is not used unchanged."""

    source: str  # value of `fetch.source`
    synthetic: bool
    description: str
    origin: str  # the archive's or data set's name
    sha256: str | None  # of the zip
    images: int
    classes: dict[str, int]  # label: number of images, sorted by label
    converted: dict[str, Converted]  # by kind of conversion
    quarantined: list[Unused]
    ignored: list[str]  # paths outside class folders
    left_by_systems: list[str]  # litter of systems and programs; a folder ends in "/"
    left_out: list[str]  # images in folders that `fetch.layout` leaves out
    parts: dict[str, int]  # train, valid, test: number of images, if the data set names parts
    groups: dict[str, int]  # patient, slide, ...: number of groups, if the data set names them
    merged: dict[str, list[str]]  # label: the folders that it was merged from
    relabelled: dict[str, str]  # path as delivered: path by the user's label

    @classmethod
    def of(
        cls,
        source: str,
        origin: Origin,
        found: Inventory,
        given: Manifest,
        bad: list[tuple[str, str]],
        relabelled: dict[str, str],
    ) -> Self:
        """Return the record of a run.

        Args:
            source: value of `fetch.source`.
            origin: description of the source.
            found: result of the inspection of the images.
            given: manifest of the images.
            bad: (path, reason) of every file that is not among the images.
            relabelled: path as delivered: path by the user's label.
        """
        return cls(
            source=source,
            synthetic=source == "synthetic",
            description=origin.description,
            origin=origin.name,
            sha256=origin.sha256,
            images=len(found.rows),
            classes=count_classes(found.rows),
            converted={note: Converted(**files) for note, files in found.converted.items()},
            quarantined=[Unused(path=path, reason=reason) for path, reason in bad],
            ignored=origin.report.ignored,
            left_by_systems=origin.report.left_by_systems,
            left_out=origin.report.left_out,
            parts=given.parts,
            groups=given.groups,
            merged=origin.report.merged,
            relabelled=relabelled,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read fetch.json in a folder."""
        with reading(folder / RECORD):
            return cls.model_validate(read_json(folder / RECORD))

    def save(self, folder: Path) -> None:
        """Write fetch.json into a folder."""
        write_json(folder / RECORD, self.model_dump())

    def summary(self) -> str:
        """Return the record as one paragraph."""
        classes = ", ".join(f"{label} {count:,}" for label, count in self.classes.items())
        sentences = [f"{self.images:,} images: {self.description} ({classes})."]
        if self.sha256:
            sentences.append(f"SHA-256 of the zip: {self.sha256}.")
        for label, folders in self.merged.items():
            sentences.append(f"Class {label} was put together from {_few(folders)}.")
        if self.converted:
            notes = (f"{note}, {of.count:,} ({_few(of.examples, of.count)})" for note, of in self.converted.items())
            sentences.append(f"Converted when used: {'; '.join(notes)}.")
        if self.ignored:
            sentences.append(f"Ignored, since it is not in a class folder: {_few(self.ignored)}.")
        if self.left_by_systems:
            sentences.append(f"Ignored, since a system or program left it: {_few(self.left_by_systems)}.")
        if self.left_out:
            sentences.append(f"Left out by `fetch.layout`: {len(self.left_out):,} images ({_few(self.left_out)}).")
        if self.groups:
            groups = ", ".join(f"{count:,} by {kind}" for kind, count in self.groups.items())
            sentences.append(f"Groups that stay together: {groups}.")
        if self.parts:
            parts = ", ".join(f"{part} {count:,}" for part, count in self.parts.items())
            sentences.append(
                f"The data set is divided already ({parts}). `split.parts: manifest` in params.yaml keeps these parts "
                "for the split by file; otherwise they are dropped, and the images are divided again."
            )
        if self.relabelled:
            sentences.append(f"Given another label: {len(self.relabelled):,} ({_few(list(self.relabelled))}).")
        if quarantined := [unused.path for unused in self.quarantined]:
            shown = f"{len(quarantined):,} ({_few(quarantined)})"
            sentences.append(f"Quarantined: {shown}; the reasons are in data/{RECORD}.")
        return " ".join(sentences)


def _few(paths: list[str], count: int | None = None) -> str:
    """Return the first of `count` paths and the number of the others, as text; `paths` may hold only the first."""
    count = len(paths) if count is None else count
    shown = min(3, len(paths))
    return ", ".join(paths[:shown]) + (f" and {count - shown:,} more" if count > shown else "")
