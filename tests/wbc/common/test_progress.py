"""Work runs a little ahead; progress is told in plain lines where there is no terminal."""

import io

import pytest

from wbc.common import progress
from wbc.common.progress import prefetch


def lines(monkeypatch, capsys, seconds, total=None):
    """Return what is printed of items that take so many seconds each."""
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    for item in progress.track(seconds, "train", total, unit="heads"):
        clock[0] += item
    return capsys.readouterr().err.splitlines()


def test_a_line_every_ten_seconds_tells_the_remaining_time(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [10.0, 10.0, 10.0]) == [
        "train: 1 of 3 heads, about 20 s to go",
        "train: 2 of 3 heads, about 10 s to go",
        "train: 3 heads in 30.0 s",
    ]


def test_the_first_items_give_no_estimate(monkeypatch, capsys):
    """The first of 600 images came after 15 s, so the rest was said to take 9,053 s; it took 22 s."""
    assert lines(monkeypatch, capsys, [15.0, *[0.01] * 599]) == [
        "train: 1 of 600 heads",
        "train: 600 heads in 21.0 s",
    ]


def test_little_is_said_of_what_is_soon_done(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [0.5, 0.5]) == ["train: 2 heads in 1.0 s"]
    assert lines(monkeypatch, capsys, []) == ["train: 0 heads in 0.0 s"]


def test_a_terminal_has_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    assert list(progress.track(iter("ab"), "train", 2, "heads")) == ["a", "b"]
    assert "train: 100%" in terminal.getvalue()
    assert "2 of 2 heads [00:00]" in terminal.getvalue()
    assert "to go" not in terminal.getvalue()


def test_prefetch_keeps_order_and_passes_errors_on():
    assert list(prefetch(lambda item: item * 2, range(100))) == [item * 2 for item in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(prefetch(lambda item: 1 / item, [1, 0]))
    assert list(prefetch(abs, [])) == []


def test_prefetch_runs_only_a_little_ahead():
    started = []
    next(prefetch(started.append, range(10_000)))
    assert len(started) < 1000
