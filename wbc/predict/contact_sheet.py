"""A self-contained HTML page of images with their predictions."""

import base64
import contextlib
import html
import io
from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from wbc.common.errors import UserError
from wbc.common.images import BadImage, decode
from wbc.fetch.zip_entries import DAMAGE
from wbc.predict.predictions import Prediction
from wbc.predict.sources import Source

SIDE = 96  # pixels of a picture
MOST = 2_000  # images shown; some browsers don't open a larger page

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #888; --warn: #b84a00; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 1.5rem; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(14.5rem, 1fr)); gap: .75rem; padding: 0; }
li { list-style: none; }
li { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem; font-size: .85rem; overflow-wrap: anywhere; }
p.caution { border: 1px solid var(--warn); border-radius: .5rem; padding: .6rem; max-width: 60rem; }
li.abstains { border-color: var(--warn); border-style: dashed; }
img { width: 96px; height: 96px; margin-right: 4px; object-fit: contain; background: #fff; border-radius: .25rem; }
strong { display: block; font-size: 1rem; }
small { display: block; }
"""


class ContactSheet:
    """The page, built image by image.

    Args:
        classes: class names in the order of the probabilities.
        heat_map: function from a readable image and a class name to the image, bright where it supports that class,
            uint8 (height, width, 3), such as `Classifier.heat_map`.
    """

    def __init__(self, classes: list[str], heat_map: Callable[[Source, str], npt.NDArray[np.uint8]]) -> None:
        self.classes, self._heat_map = classes, heat_map
        self.items: list[str] = []
        self.counts: Counter[str] = Counter()
        self.total = 0

    def add(self, prediction: Prediction, source: Source) -> None:
        """Add an image; beyond `MOST` it is only counted."""
        self.total += 1
        said = "not readable" if prediction.error else "abstains" if prediction.reason else prediction.label
        self.counts[said] += 1
        if self.total > MOST:
            return
        kind = ' class="abstains"' if prediction.error or prediction.reason else ""
        self.items.append(f"<li{kind}>{self._pictures(prediction, source)}{self._text(prediction)}</li>")

    def _pictures(self, prediction: Prediction, source: Source) -> str:
        if prediction.error:
            return ""
        with contextlib.suppress(BadImage, UserError, *DAMAGE):  # the file may have changed since it was predicted
            label = html.escape(prediction.label)
            original = _picture(decode(source.read(), suffix=source.suffix)[0], label)
            return f"{original}{_picture(self._heat_map(source, prediction.label), f'heat map for {label}')}"
        return ""

    def _text(self, prediction: Prediction) -> str:
        path = f"<small>{html.escape(prediction.path)}</small>"
        if prediction.error:
            return f"<strong>not readable</strong>{html.escape(prediction.error)}{path}"
        ranked = sorted(zip(prediction.probabilities, self.classes, strict=True), reverse=True)[:3]
        chances = "".join(f"<small>{html.escape(name)} {probability:.2f}</small>" for probability, name in ranked)
        if prediction.reason:
            return f"<strong>abstains</strong>{html.escape(prediction.reason)}{chances}{path}"
        return f"<strong>{html.escape(prediction.label)}</strong>{chances}{path}"

    def html(self, *cautions: str) -> str:
        """Return the page.

        Args:
            *cautions: reasons to distrust the predictions; "" is ignored.
        """
        counts = ", ".join(f"{html.escape(name)} {count:,}" for name, count in sorted(self.counts.items()))
        boxes = "".join(f'<p class="caution">{html.escape(caution)}</p>\n' for caution in cautions if caution)
        more = f" The first {MOST:,} are shown." if self.total > MOST else ""
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>Predicted cells</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Predicted "
            f"cells</h1>\n{boxes}"
            f"<p>{self.total:,} images: {counts}.{more} Dashed: the classifier abstains. Beside each picture is its "
            "heat map: bright supports the class. It is not a medical device.</p>\n"
            f"<ul>\n{chr(10).join(self.items)}\n</ul>\n</main>\n</body>\n</html>\n"
        )


def _picture(pixels: npt.NDArray[np.uint8], description: str) -> str:
    picture = Image.fromarray(pixels)
    picture.thumbnail((2 * SIDE, 2 * SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    address = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    return f'<img src="{address}" alt="{description}" loading="lazy">'
