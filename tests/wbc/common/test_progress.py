"""Progress is told in plain lines where there is no terminal, and by the work that is left."""

from wbc.common import progress


def lines(monkeypatch, capsys, seconds, **options):
    """Return what is printed of items that take so many seconds each."""
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    for item in progress.track(seconds, "train", unit="heads", **options):
        clock[0] += item
    return capsys.readouterr().err.splitlines()


def test_the_time_left_is_that_of_the_items_left(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [10.0, 10.0, 10.0]) == [
        "train: 1 of 3 heads, about 20 s to go",
        "train: 2 of 3 heads, about 10 s to go",
        "train: 3 heads in 30.0 s",
    ]


def test_a_large_item_first_does_not_make_small_ones_look_large(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [40.0, 4.0, 4.0], work=[10.0, 1.0, 1.0]) == [
        "train: 1 of 3 heads, about 8 s to go",
        "train: 3 heads in 48.0 s",
    ]


def test_little_is_said_of_what_is_soon_done(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [0.5, 0.5]) == ["train: 2 heads in 1.0 s"]


def test_a_terminal_has_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    assert list(progress.track("ab", "train", work=[3.0, 1.0])) == ["a", "b"]
    assert "train: 100%" in capsys.readouterr().err
