"""Random changes of cell images, as if by another laboratory's stain, camera, cropping and surroundings.

A backbone trained on one laboratory's images also learns the laboratory. Each change here is a difference between
laboratories that leaves the cell's class unchanged. Stain varies in optical density, each dye separately: Tellez et
al., Quantifying the effects of data augmentation and stain color normalization in convolutional neural networks for
computational pathology, Medical Image Analysis 58, 2019, arXiv:1902.06543.
"""

import math
from collections.abc import Sequence

import pydantic

from wbc.common.params import Section
from wbc.embed.tensorflow_setup import tf

# Optical densities in R, G and B of hematoxylin, eosin and DAB (Ruifrok and Johnston, 2001). Blood films are stained by
# azure and eosin, which are similar to the first two. Random changes need a basis, not exact colors.
_STAINS = tf.constant([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])
_TO_YIQ = tf.constant([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
ROOM = 1.25  # ratio of the input's side to the result's, so that zooming in shows more detail
_CHUNKS = 4  # of a batch; resolution, blur and recompression are drawn once per chunk, as each needs its own shape


class DomainAugmentation(Section):
    """Largest changes between laboratories; 0 switches a change off, except where a range is given."""

    zoom: list[pydantic.PositiveFloat] = pydantic.Field(
        min_length=2, max_length=2
    )  # smallest and largest scale; 1 shows the whole stored image
    squash: float = pydantic.Field(ge=0, lt=1)  # largest change of width against height, either way
    shear: float = pydantic.Field(ge=0, lt=1)  # largest slant, either way, relative to the side
    shift: float = pydantic.Field(ge=0, lt=0.5)  # largest move, either way, relative to the side
    stain: float = pydantic.Field(ge=0, lt=1)  # largest change of each stain's share, either way
    density: float = pydantic.Field(ge=0, lt=1)  # largest change of all density together, either way
    hue: float = pydantic.Field(ge=0, le=0.5)  # largest turn of the hue, either way, in full turns
    saturation: float = pydantic.Field(ge=0, le=1)  # largest change, either way
    brightness: float = pydantic.Field(ge=0, lt=1)  # largest change of each channel's gain, either way
    contrast: float = pydantic.Field(ge=0, lt=1)  # largest change, either way
    surroundings: float = pydantic.Field(ge=0, le=1)  # share of images with another image's surroundings or empty slide
    resolution: int = pydantic.Field(ge=8)  # smallest side in pixels that a chunk is shrunk to, before it is enlarged
    blur: float = pydantic.Field(ge=0, le=3)  # largest standard deviation in pixels
    noise: float = pydantic.Field(ge=0, le=0.2)  # largest standard deviation of a pixel, of 1
    jpeg_quality: int = pydantic.Field(ge=10, le=100)  # lowest quality; 25 % of the images are compressed


# Limits of the changes, beyond which nothing could be recognized.
_LARGEST = {"squash": 0.9, "shear": 0.9, "shift": 0.4, "stain": 0.9, "density": 0.9, "hue": 0.5, "saturation": 1.0}
_LARGEST |= {"brightness": 0.9, "contrast": 0.9, "surroundings": 1.0, "blur": 3.0, "noise": 0.2}


def stronger(shift: DomainAugmentation, times: float) -> DomainAugmentation:
    """Return changes that are `times` as large, up to `_LARGEST`, with the same range of zooms.

    Args:
        shift: the changes.
        times: 1 or more.
    """
    scaled = {name: min(largest, times * getattr(shift, name)) for name, largest in _LARGEST.items()}
    smaller = {
        "resolution": max(8, round(shift.resolution / times)),
        "jpeg_quality": max(10, round(shift.jpeg_quality / times)),
    }
    return shift.model_copy(update=scaled | smaller)


class _Draws:
    """Random numbers that depend on a key and on the order of the calls."""

    def __init__(self, key: tf.Tensor) -> None:
        self.key, self.count = tf.cast(key, tf.int32), 0

    def uniform(self, shape: Sequence[int], low: float, high: float) -> tf.Tensor:
        self.count += 1
        seed = tf.stack([self.key[0], self.key[1] * 1000 + self.count])
        return tf.random.stateless_uniform(shape, seed, low, high)

    def normal(self, shape: Sequence[int]) -> tf.Tensor:
        self.count += 1
        return tf.random.stateless_normal(shape, tf.stack([self.key[0], self.key[1] * 1000 + self.count]))


def augment_domain(images: tf.Tensor, size: int, key: tf.Tensor, shift: DomainAugmentation) -> tf.Tensor:
    """Return a batch of images as other laboratories might have taken them, each changed differently.

    Runs inside a `tf.function`. The same key gives the same changes.

    Args:
        images: uint8 tensor (n, side, side, 3), RGB; n a multiple of 4.
        size: side of the result in pixels.
        key: int32 tensor of two numbers that seed the changes, such as (seed, step), the second below 2**21.
        shift: a `DomainAugmentation`.

    Returns:
        float32 tensor (n, size, size, 3), RGB 0-255.
    """
    draws = _Draws(key)
    images = tf.cast(images, tf.float32) / 255
    images = _surroundings(images, shift, draws)
    images = _transform(images, size, shift, draws)
    images = _colors(images, shift, draws)
    images = _camera(images, size, shift, draws)
    return tf.clip_by_value(images, 0, 1) * 255


def _surroundings(images: tf.Tensor, shift: DomainAugmentation, draws: _Draws) -> tf.Tensor:
    """Replace the surroundings of the cell in some images by another image's, or by an even light ground."""
    count, side = images.shape[0], images.shape[1]
    axis = (tf.range(side, dtype=tf.float32) + 0.5) / side - 0.5
    distance = tf.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)[None, :, :, None]
    radius = draws.uniform([count, 1, 1, 1], 0.36, 0.52)  # relative to the side; the cell itself stays
    outside = tf.sigmoid((distance - radius) * 60)
    empty = draws.uniform([count, 1, 1, 1], 0.78, 0.98) + draws.uniform([count, 1, 1, 3], -0.05, 0.05)
    others = tf.roll(images, 1, axis=0)
    put = tf.where(draws.uniform([count, 1, 1, 1], 0, 1) < 0.5, others, tf.broadcast_to(empty, images.shape))
    chosen = tf.cast(draws.uniform([count, 1, 1, 1], 0, 1) < shift.surroundings, tf.float32)
    return images + chosen * outside * (put - images)


def _transform(images: tf.Tensor, size: int, shift: DomainAugmentation, draws: _Draws) -> tf.Tensor:
    """Turn by any angle, mirror, zoom, squash, slant and move, in one resampling; the border is mirrored."""
    count, side = images.shape[0], images.shape[1]
    angle = draws.uniform([count], 0, 2 * math.pi)
    mirror = tf.sign(draws.uniform([count], -1, 1))
    low, high = math.log(shift.zoom[0]), math.log(shift.zoom[1])
    scale = side / size / tf.exp(draws.uniform([count], low, high))
    squash = tf.sqrt(1 + draws.uniform([count], -shift.squash, shift.squash))
    slant = draws.uniform([count], -shift.shear, shift.shear)
    cos, sin = tf.cos(angle), tf.sin(angle)
    # Output to input: squash and slant along the image's own axes, after a turn.
    a, b = cos * squash * mirror, (cos * slant - sin) / squash
    d, e = sin * squash * mirror, (sin * slant + cos) / squash
    a, b, d, e = (scale * entry for entry in (a, b, d, e))
    move = draws.uniform([2, count], -shift.shift, shift.shift) * side
    middle_out, middle_in = (size - 1) / 2, (side - 1) / 2
    c = middle_in + move[0] - (a + b) * middle_out
    f = middle_in + move[1] - (d + e) * middle_out
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, c, d, e, f, zero, zero], axis=1),
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _colors(images: tf.Tensor, shift: DomainAugmentation, draws: _Draws) -> tf.Tensor:
    """Change the amount of each dye, hue, saturation, contrast and white balance."""
    count = images.shape[0]
    # Stain: a density is a mixture of dyes; each dye changes, and all of them together.
    density = -tf.math.log((images * 255 + 1) / 256)
    share = draws.uniform([count, 3], 1 - shift.stain, 1 + shift.stain)
    share *= draws.uniform([count, 1], 1 - shift.density, 1 + shift.density)
    mix = tf.linalg.inv(_STAINS) @ tf.linalg.diag(share) @ _STAINS
    images = tf.exp(-_mixed(density, mix))
    # Hue and saturation: a turn and a scaling of the color plane of YIQ.
    turn = 2 * math.pi * draws.uniform([count], -shift.hue, shift.hue)
    strength = draws.uniform([count], 1 - shift.saturation, 1 + shift.saturation)
    cos, sin, zero, one = tf.cos(turn) * strength, tf.sin(turn) * strength, tf.zeros([count]), tf.ones([count])
    plane = tf.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], axis=1)
    plane = tf.reshape(plane, [count, 3, 3])
    to_yiq = tf.transpose(_TO_YIQ)
    images = _mixed(images, to_yiq @ plane @ tf.linalg.inv(to_yiq))
    # Camera: contrast about the mean, and a gain for each channel.
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + (images - mean) * draws.uniform([count, 1, 1, 1], 1 - shift.contrast, 1 + shift.contrast)
    gain = draws.uniform([count, 1, 1, 1], 1 - shift.brightness, 1 + shift.brightness)
    gain *= draws.uniform([count, 1, 1, 3], 1 - shift.brightness / 3, 1 + shift.brightness / 3)
    return tf.clip_by_value(images * gain, 0, 1)


def _mixed(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Multiply each image's colors by its own 3 x 3 matrix."""
    count, height, width, _ = images.shape
    return tf.reshape(tf.reshape(images, [count, height * width, 3]) @ matrices, images.shape)


def _camera(images: tf.Tensor, size: int, shift: DomainAugmentation, draws: _Draws) -> tf.Tensor:
    """Lose resolution, blur, add noise and recompress."""
    chunks = []
    for number, chunk in enumerate(tf.split(images, _CHUNKS)):
        # Half of the chunks keep their resolution.
        side = tf.cast(draws.uniform([], 2 * shift.resolution - size, size), tf.int32)
        side = tf.where(side < shift.resolution, size, side)
        small = tf.image.resize(chunk, [side, side], antialias=True)
        chunk = tf.reshape(tf.image.resize(small, [size, size]), chunk.shape)
        if shift.blur:
            chunk = _blur(chunk, draws.uniform([], 0.01, shift.blur) * tf.sign(draws.uniform([], -1, 1)))
        if number == 0 and shift.jpeg_quality < 100:
            quality = tf.cast(draws.uniform([chunk.shape[0]], shift.jpeg_quality, 96), tf.int32)
            chunk = _recompress(chunk, quality)
        chunks.append(chunk)
    images = tf.concat(chunks, axis=0)
    deviation = draws.uniform([images.shape[0], 1, 1, 1], 0, 1) * shift.noise
    return images + draws.normal(images.shape) * deviation


def _blur(images: tf.Tensor, deviation: tf.Tensor) -> tf.Tensor:
    """Blur by a Gaussian; its standard deviation is in pixels, and a negative one leaves the images unchanged."""
    offsets = tf.range(-4, 5, dtype=tf.float32)
    kernel = tf.exp(-0.5 * (offsets / tf.maximum(deviation, 0.01)) ** 2)
    kernel = tf.tile((kernel / tf.reduce_sum(kernel))[:, None, None, None], [1, 1, 3, 1])
    padded = tf.pad(images, [[0, 0], [4, 4], [4, 4], [0, 0]], "REFLECT")
    blurred = tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
    return tf.nn.depthwise_conv2d(blurred, tf.transpose(kernel, [1, 0, 2, 3]), [1, 1, 1, 1], "VALID")


def _recompress(images: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    """Compress each image as a JPEG of its quality, and decode it."""

    def one(pair: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        image = tf.image.convert_image_dtype(tf.clip_by_value(pair[0], 0, 1), tf.uint8)
        return tf.image.convert_image_dtype(tf.image.adjust_jpeg_quality(image, pair[1]), tf.float32)

    return tf.map_fn(one, (images, quality), fn_output_signature=tf.float32)
