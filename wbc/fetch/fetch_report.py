"""What is said of fetched images: fetch.json and the paragraph on the terminal."""

from typing import Any

from wbc.fetch.manifest import Manifest, count_classes


def describe(
    settings: Any, origin: Any, manifest: Manifest, bad: list[tuple[str, str]], relabelled: dict[str, str]
) -> dict[str, Any]:
    """Return the content of fetch.json.

    Args:
        settings: the stage's parameters, of which `source` is recorded.
        origin: where the images come from (`description`, `name`, `sha256`, `report`).
        manifest: the `Manifest`.
        bad: (path, reason) of every file that is not among the images.
        relabelled: {path as delivered: path by the user's label}.
    """
    return {
        "source": settings.source,
        "synthetic": settings.source == "synthetic",
        "description": origin.description,
        "origin": origin.name,
        "sha256": origin.sha256,
        "images": len(manifest.rows),
        "classes": count_classes(manifest.rows),
        "converted": manifest.converted,
        "quarantined": [{"path": path, "reason": reason} for path, reason in bad],
        "ignored": origin.report.ignored,
        "merged": origin.report.merged,
        "relabelled": relabelled,
    }


def summary(content: dict[str, Any]) -> str:
    """Return fetch.json's content as one paragraph."""
    classes = ", ".join(f"{label} {count:,}" for label, count in content["classes"].items())
    sentences = [f"{content['images']:,} images: {content['description']} ({classes})."]
    if content["sha256"]:
        sentences.append(f"SHA-256 of the zip: {content['sha256']}.")
    for label, folders in content["merged"].items():
        sentences.append(f"Class {label} was put together from {', '.join(folders)}.")
    if content["converted"]:
        notes = (
            f"{note}, {files['count']:,} ({_few(files['examples'], files['count'])})"
            for note, files in content["converted"].items()
        )
        sentences.append(f"Converted when used: {'; '.join(notes)}.")
    if ignored := content["ignored"]:
        sentences.append(f"Ignored, outside class folders or left by a system: {_few(ignored, len(ignored))}.")
    if relabelled := list(content["relabelled"]):
        sentences.append(f"Given another label: {len(relabelled):,} ({_few(relabelled, len(relabelled))}).")
    if quarantined := [entry["path"] for entry in content["quarantined"]]:
        count = len(quarantined)
        sentences.append(f"Quarantined: {count:,} ({_few(quarantined, count)}); the reasons are in data/fetch.json.")
    return " ".join(sentences)


def _few(paths: list[str], count: int) -> str:
    """Return the first of `count` paths in words; `paths` may hold only the first of them."""
    shown = min(3, len(paths))
    return ", ".join(paths[:shown]) + (f" and {count - shown:,} more" if count > shown else "")
