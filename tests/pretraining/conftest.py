"""A folder to run the scripts of pretraining/ in, with the project's own parameters and drawn cells."""

import zipfile

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.imports import ROOT

CLASSES = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil")


class Tree:
    def __init__(self, folder):
        self.folder = folder

    def set(self, section, **changes):
        """Change a section of pretraining/params.yaml."""
        file = self.folder / "pretraining/params.yaml"
        params = yaml.safe_load(file.read_text(encoding="utf-8"))
        params[section] |= changes
        file.write_text(yaml.safe_dump(params), encoding="utf-8")

    def archive(self, name, images):
        """Write a zip of {path in it: gray level or bytes} to pretraining/archives/."""
        path = self.folder / "pretraining/archives" / name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in images.items():
                with archive.open(entry, "w") as file:
                    if isinstance(content, bytes):
                        file.write(content)
                    else:
                        Image.fromarray(np.full((8, 8, 3), content, np.uint8)).save(file, "PNG")
        return path


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "pretraining/params.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    return Tree(tmp_path)
