"""Heat maps: the places of an image that are evidence for a class.

Grad-CAM: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017,
arXiv:1610.02391. The head takes the mean of the backbone's last activations over all places. So the contribution of a
place to the class's score is the head's gradient times the activations there. Draelos and Carin (HiResCAM, 2020,
arXiv:2011.08891) require this, so that a map shows only places that the score uses.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wbc.embed.openvino_engine import load_activations
from wbc.embed.views import tta_images, upright
from wbc.train import exact
from wbc.train.head import Head, score_gradient

DIGITS = 2  # of a map; float32 kernels agree on more


class HeatMaps:
    """Heat maps by one backbone.

    Args:
        graph: the backbone as TensorFlow's frozen graph, `backbone.pb`.
        size: side of its input, in pixels.
        tta_views: 1, or 8 to average the map over the orientations, as the features are.
    """

    def __init__(self, graph: bytes, size: int, tta_views: int) -> None:
        self._forward = load_activations(graph, size)
        self._tta_views = tta_views

    def map(self, image: npt.NDArray[np.uint8], heads: Sequence[Head], label: int) -> exact.Floats:
        """Return the evidence of each place for a class, relative to the place with the most.

        Args:
            image: RGB array (size, size, 3), as the backbone takes it.
            heads: whose scores are averaged.
            label: number of the class.

        Returns:
            array (rows, columns) of 0-1, 4 by 4 for an image of 128 pixels; all 0 where no place is evidence for the
            class.
        """
        turned = [*np.concatenate([*self._forward(tta_images(image, self._tta_views))]).astype(np.float64)]
        activations = np.mean(upright(turned) if self._tta_views > 1 else turned, axis=0)
        features = activations.mean(axis=(0, 1))
        gradient = np.mean([score_gradient(head, features, label) for head in heads], axis=0)
        heat = np.maximum(activations @ gradient, 0)
        return (heat / heat.max()).round(DIGITS) if heat.any() else heat
