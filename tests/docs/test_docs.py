"""What README and docs/ point to is there: files, make targets, modules, parameters."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.imports import ROOT
from wbc.common.params import flat, read_yaml

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "pretraining/README.md",
    ROOT / "pretraining/archives/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def code_of_page(page):
    """The fenced and inline code of a page."""
    found = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", page.read_text(encoding="utf-8"), re.S)
    return "\n".join(block or inline for block, inline in found)


@each_page
def test_every_relative_link_leads_to_a_file(page):
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        if link.startswith("../../actions/"):  # GitHub's own page on a workflow, and its badge
            file = ROOT / ".github" / link.removeprefix("../../actions/").partition(".yml")[0]
            assert file.with_suffix(".yml").is_file(), f"{page} links to {link}"
        else:
            assert (page.parent / link).exists(), f"{page} links to {link}"


@each_page
def test_every_make_target_exists(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z0-9-]+)|(?<=`)make ([a-z0-9-]+)", code_of_page(page), re.M):
        name = next(filter(None, target))
        assert re.search(rf"^{name}:", makefile, re.M), f"{page} says make {name}"


@each_page
def test_every_module_that_is_run_exists(page):
    for module in re.findall(r"python -m ((?:stages|pretraining|tools|research|benchmarks)[\w.]*)", code_of_page(page)):
        if module.endswith(".NAME"):
            continue  # what the reader is to name
        file = ROOT / module.replace(".", "/")
        assert file.with_suffix(".py").is_file() or (file / "__main__.py").is_file(), f"{page} runs {module}"


@each_page
def test_every_parameter_that_is_set_exists(page):
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key in re.findall(r"-S '?([a-z_.]+)=", code_of_page(page)):
        section = params
        for part in key.split("."):
            assert part in section, f"{page} sets {key}"
            section = section[part]


@each_page
def test_every_parameter_that_is_named_exists(page):
    """Such as `embed.zooms`, in either file of parameters; of `external` and `formats` a reader makes the keys."""
    sections = [read_yaml(ROOT / folder / "params.yaml") for folder in (".", "pretraining")]
    for key in re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)+)`", page.read_text(encoding="utf-8")):
        known = [section for section in sections if section.get(key.split(".")[0])]
        if known and not key.endswith((".py", ".json", ".keras", ".onnx", ".tflite")):
            assert any(leads_somewhere(section, key.split(".")) for section in known), f"{page} names {key}"


def leads_somewhere(section, parts):
    """Whether a key is there, or one above it that holds nothing yet."""
    for part in parts:
        if not section:
            return True
        if part not in section:
            return False
        section = section[part]
    return True


def test_the_files_that_extending_touches_are_there():
    text = (ROOT / "docs/how-to/extend.md").read_text(encoding="utf-8")
    for file in re.findall(r"^\| `([^`]+)`", text, re.M):
        assert (ROOT / file).exists() or "NAME" in file, file
    for name, file in (
        ("PER_CLASS", "wbc/evaluate/metrics.py"),
        ("SOURCES", "wbc/fetch/params.py"),
        ("SECTIONS", "tools/preflight.py"),
    ):
        assert f"`{name}`" in text and re.search(rf"^{name}\b", (ROOT / file).read_text(encoding="utf-8"), re.M)


def test_the_readme_is_a_screen_and_a_half():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110 and len(text.split()) <= 700


def test_the_report_for_github_is_short():
    text = (ROOT / "reports/README.md").read_text(encoding="utf-8")
    assert len(re.sub(r"!\[.*?\]\(.*?\)|^\|.*$", "", text, flags=re.MULTILINE).split()) <= 900


def test_every_output_is_explained():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    page = Path(ROOT / "docs/reference/files.md").read_text(encoding="utf-8")
    for stage in stages:
        assert re.search(rf"\| [^|]*\b{stage}\b[^|]* \|", page), stage


def test_the_containers_are_made_from_the_pinned_packages():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "COPY Makefile requirements.txt ./\nRUN make setup\n" in dockerfile
    described = re.sub(r"^//.*\n", "", (ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert json.loads(described)["postCreateCommand"] == "make setup"
    runtime = (ROOT / "docker/runtime.Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes --requirement /tmp/predict.txt" in runtime
    bases = re.findall(r"^FROM (\S+:\S+)", dockerfile + runtime, re.M)
    assert len(set(bases)) == 1 and re.search(r"@sha256:[0-9a-f]{64}$", bases[0])


def test_every_parameter_is_explained_with_its_default():
    text = (ROOT / "docs/reference/parameters.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z_0-9.]+)` \| `(.+?)` \|", text, re.M))
    params = flat(read_yaml(ROOT / "params.yaml"))
    assert listed == {key: value if isinstance(value, str) else json.dumps(value) for key, value in params} | {
        "external": "{}"
    }


def test_make_runs_no_program_that_holds_the_path_of_the_folder():
    """What pip installs into .venv/bin names its Python by an absolute path: in a moved folder it is not found."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\(BIN\)/([\w-]+)", makefile)) == {"python"}
    recipes = [line for line in makefile.splitlines() if line.startswith("\t")]
    assert not [line for line in recipes if re.search(r"\$\(RUN\) (?!python -m )", line)]
