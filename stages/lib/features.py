"""Features of every image and view: one forward pass each, into an array on disk."""

import numpy as np

from stages.lib.errors import UserError
from stages.lib.images import decode
from stages.lib.inference import ahead, outputs
from stages.lib.progress import track
from stages.lib.views import view

LARGEST = float(np.finfo(np.float16).max)


def write_features(path, images, backbone, views, augmentation, seed):
    """Write the features of all images as a float16 .npy array (images, 1 + views, n); [:, 0] is the image as it is.

    float16 halves the file and hides the last bits, in which kinds of CPU differ. Only a few images are held in
    memory at a time.

    Args:
        path: the .npy file to write.
        images: list of (path of the image file, its SHA-256 in hexadecimal). The hash seeds the views, so that an
            image's features don't depend on the other images.
        backbone: Keras model from (size, size, 3) RGB 0-255 to n features.
        views: random views an image, 0 or more.
        augmentation: a `views.Augmentation`.
        seed: whole number that, with the image's hash, seeds its views.

    Raises:
        UserError: a feature is not a number that float16 can hold.
    """
    size, length = backbone.input_shape[1], backbone.output_shape[1]

    def prepare(image):
        file, sha256 = image
        pixels, _ = decode(file)
        key = [seed, int(sha256[:16], 16)]
        return [view(pixels, number, size, augmentation, key) for number in range(1 + views)]

    prepared = track(ahead(prepare, images), "embed", total=len(images))
    header = {"descr": "<f2", "fortran_order": False, "shape": (len(images), 1 + views, length)}
    with path.open("wb") as file:  # and not a memory map, in which a full disk would kill the process without a word
        np.lib.format.write_array_header_1_0(file, header)
        for batch in outputs(backbone, (pixels for all_views in prepared for pixels in all_views)):
            if not np.abs(batch).max() <= LARGEST:  # so that NaN is found too
                raise UserError(
                    f"The backbone gives features of {np.abs(batch).max():g}; float16, in which they are kept, ends at "
                    f"{LARGEST:g}. These weights can't be used: choose others by `embed.weights`."
                )
            file.write(batch.astype("<f2").tobytes())
