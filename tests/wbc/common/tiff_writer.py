"""A writer of TIFFs from their tags, for tests: by the specification, and by no library that reads them."""

import struct
import zlib

import imagecodecs
import numpy as np

SHORT, LONG = 3, 4
COMPRESSION = {"none": 1, "lzw": 5, "deflate": 8, "packbits": 32773, "old deflate": 32946}


def packbits(data):
    """Literal runs only, which every reader must take."""
    blocks = [data[start : start + 128] for start in range(0, len(data), 128)]
    return b"".join(bytes([len(block) - 1]) + block for block in blocks)


ENCODE = {
    "none": bytes,
    "lzw": imagecodecs.lzw_encode,
    "deflate": zlib.compress,
    "packbits": packbits,
    "old deflate": zlib.compress,
}


def packed(levels, bits, order):
    """Rows of levels (height, n) as bytes: samples of `bits` bits, each row filled up to a whole byte."""
    if levels.dtype.kind == "f" or bits in (16, 32, 64):
        return levels.astype(levels.dtype.newbyteorder(order)).tobytes()
    if bits == 8:
        return levels.tobytes()
    single = (levels[..., None].astype(np.uint64) >> np.arange(bits - 1, -1, -1, dtype=np.uint64)) & np.uint64(1)
    return np.packbits(single.astype(np.uint8).reshape(len(levels), -1), axis=1).tobytes()


def tiff(
    levels, bits, photometric, *, order="<", planar=False, compression="none", predictor=1, rows=7, pages=1, **tags
):
    """A TIFF of levels (height, width, channels) in strips of some rows; other tags by number, as t281=4095."""
    height, width, channels = levels.shape
    planes = [levels[..., [channel]] for channel in range(channels)] if planar else [levels]
    strips = []
    for plane in planes:
        flat = plane
        if predictor == 2:
            flat = plane.copy()
            flat[:, 1:] -= plane[:, :-1]
        for start in range(0, height, rows):
            strip = packed(flat[start : start + rows].reshape(-1, width * plane.shape[2]), bits, order)
            strips.append(ENCODE[compression](strip))
    entries = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits] * channels),
        259: (SHORT, [COMPRESSION[compression]]),
        262: (SHORT, [photometric]),
        273: (LONG, []),
        277: (SHORT, [channels]),
        278: (LONG, [rows]),
        279: (LONG, [len(strip) for strip in strips]),
        284: (SHORT, [2 if planar else 1]),
        317: (SHORT, [predictor]),
    } | {int(number[1:]): (SHORT, list(np.atleast_1d(values))) for number, values in tags.items()}
    entries = {number: entry for number, entry in sorted(entries.items()) if entry[1] != [None]}
    content, offset = bytearray(), 8
    offsets = []
    for strip in strips:
        offsets.append(offset + len(content))
        content += strip + b"\0" * (len(strip) % 2)
    entries[273] = (LONG, offsets)
    table = []
    for number, (kind, values) in entries.items():
        data = struct.pack(f"{order}{len(values)}{'H' if kind == SHORT else 'I'}", *values)
        if len(data) > 4:
            place = offset + len(content)
            content += data
            data = struct.pack(f"{order}I", place)
        table.append(struct.pack(f"{order}HHI", number, kind, len(values)) + data.ljust(4, b"\0"))
    directory = struct.pack(f"{order}H", len(table)) + b"".join(table)
    first = offset + len(content)
    for page in range(pages):
        following = first + (page + 1) * (len(directory) + 4) if page + 1 < pages else 0
        content += directory + struct.pack(f"{order}I", following)
    return struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, first) + bytes(content)
