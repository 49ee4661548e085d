import os
import subprocess
import sys

import pandas as pd
import pytest

from benchmarks import scale
from benchmarks.watch import watch
from wbc.common.images import decode


def run(code, folder):
    return watch([sys.executable, "-u", "-c", code], folder, os.environ)


def test_each_stage_has_its_time_and_its_memory(tmp_path):
    code = (
        "import time; time.sleep(0.3)\n"
        "print(\"Running stage 'small':\"); time.sleep(0.5)\n"
        "print(\"Running stage 'large@image':\"); held = b'x' * (2 * 10**8); time.sleep(1)\n"
    )
    found = run(code, tmp_path)
    assert list(found.stages) == ["small", "large@image"]
    (small, small_peak), (large, large_peak) = found.stages.values()
    assert 0.4 < small < large < found.seconds
    assert large_peak > small_peak + 10**8
    assert found.peak == large_peak


def test_a_run_of_no_stage_has_a_time(tmp_path):
    found = run("print('up to date')", tmp_path)
    assert found.stages == {} and found.seconds > 0


def test_a_command_that_fails_is_not_timed(tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as raised:
        run("print('this is why'); raise SystemExit(3)", tmp_path)
    assert raised.value.returncode == 3
    assert "this is why" in raised.value.output


def test_images_to_scale_with_are_even_over_the_classes_and_some_are_copies(tmp_path):
    scale.make(tmp_path, 50)
    files = sorted(tmp_path.glob("*/*.png"))
    assert {file.parent.name for file in files} == set(scale.CLASSES)
    pixels = [decode(file)[0] for file in files]
    assert all(image.shape == (scale.SIDE, scale.SIDE, 3) for image in pixels)
    turned = {image.tobytes() for image in pixels}
    copies = [image for image in pixels if image.transpose(1, 0, 2)[:, ::-1].copy().tobytes() in turned]
    assert len(copies) == 10


def test_growth_is_drawn_for_every_stage(tmp_path):
    rows = [{"images": n, "stage": s, "seconds": n / 10, "peak_mb": 300} for n in (10, 100) for s in ("fetch", "split")]
    scale.draw(pd.DataFrame(rows), tmp_path / "scale.svg")
    text = (tmp_path / "scale.svg").read_text()
    assert "fetch" in text and "split" in text
