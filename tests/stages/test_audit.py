import json
from pathlib import Path

import pytest

from stages import audit

SPLITS = (
    "path,label,photo_id,group,image,grouped,fold,withheld,validates\n"
    "a/1.png,a,0,0,train,train,0,,1\na/2.png,a,1,1,test,test,1,,1\n"
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs the stage on a truth.csv and returns what it wrote."""
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "reports"):
        (tmp_path / folder).mkdir()
    Path("data/splits.csv").write_text(SPLITS)

    def run(truth):
        Path("data/truth.csv").write_text(truth)
        audit.main()
        return json.loads(Path("reports/truth.json").read_text())

    return run


def test_the_true_leak_is_written_when_the_truth_is_known(run, capsys):
    truth = run("path,cell\na/1.png,x\na/2.png,x\n")
    assert truth["known"] and truth["leak"]["grouped"] == 1.0
    assert truth["photo_id"]["pair_recall"] == 0.0
    assert "grouped 100.0%" in capsys.readouterr().out


def test_nothing_is_claimed_when_the_truth_is_not_known(run):
    assert run("path,cell\n") == {"known": False}


def test_a_truth_of_other_images_stops(run, capsys):
    with pytest.raises(SystemExit):
        run("path,cell\nb/1.png,x\n")
    assert "a/1.png" in capsys.readouterr().err
