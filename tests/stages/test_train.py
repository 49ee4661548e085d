import numpy as np
import pandas as pd
import pytest
import yaml

from stages import train
from tests.imports import ROOT


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The project's own parameters, splits of three images and features of two."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/features").mkdir(parents=True)
    (tmp_path / "data/splits.csv").write_text(
        "path,label,photo_id,group,image,grouped,fold,withheld,validates\n" + "a/1.png,a,0,0,train,train,0,,1\n" * 3
    )
    np.save(tmp_path / "data/features/features.npy", np.zeros((2, 1, 1280), np.float16))
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_features_and_splits_of_different_images_stop(tree, capsys):
    with pytest.raises(SystemExit):
        train.main()
    assert "data/features/ holds 2 images and the splits 3" in capsys.readouterr().err
    assert not (tree / "models").exists()


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("head", "dropout", 1.0, "`train.head.dropout` is 1.0"),
        ("head", "units", [0], "`train.head.units.0` is 0"),
        ("optimizer", "epochs", 0, "`train.optimizer.epochs` is 0"),
        ("optimizer", "class_weights", "auto", "`train.optimizer.class_weights` is 'auto'"),
        ("optimizer", "batch_size", 1, "`train.optimizer.batch_size` is 1"),
        ("crossval", "heads", 0, "`train.crossval.heads` is 0"),
    ],
)
def test_values_out_of_range_are_named(tree, capsys, section, key, value, said):
    params = yaml.safe_load((tree / "params.yaml").read_text())
    params["train"][section][key] = value
    (tree / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(SystemExit):
        train.main()
    assert said in capsys.readouterr().err


def test_a_single_fold_stops_with_what_to_change(tree, capsys):
    np.save(tree / "data/features/features.npy", np.zeros((3, 1, 1280), np.float16))
    with pytest.raises(SystemExit):
        train.main()
    assert "Raise `split.folds`" in capsys.readouterr().err


def test_heads_of_a_fold_stop_on_different_folds_and_none_has_seen_it():
    fold = np.repeat([0, 1, 2, 3], 2)
    splits = pd.DataFrame({"fold": fold, "withheld": ["0", *[""] * 7], "validates": [1, 0] * 4})
    section = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["train"]
    settings = train.StageParams.model_validate(section | {"crossval": {"heads": 4, "units": [7]}})
    jobs = train.crossval_jobs(splits, settings)
    assert sorted(jobs) == [(number, head) for number in range(4) for head in (1, 2, 3, 4)]
    for number in range(4):
        own = [jobs[number, head] for head in (1, 2, 3, 4)]
        assert not any(number in fold[np.concatenate([job.train, job.valid])] for job in own)
        assert {fold[job.valid[0]] for job in own} == {0, 1, 2, 3} - {number}
        assert all(len(job.valid) == 1 for job in own)
        assert len({job.params.seed for job in own}) == 4
        assert all(job.params.head == settings.head.model_copy(update={"units": [7]}) for job in own)
        assert fold[own[3].valid] == fold[own[0].valid] and own[3].valid != own[0].valid  # the other half
    assert 0 in jobs[1, 1].train and not any(0 in job.train for (number, _), job in jobs.items() if number == 0)
