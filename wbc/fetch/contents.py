"""Kinds of files, recognized by their first bytes."""

from pathlib import PurePath

START = 4096  # bytes that are read
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}  # bytes of the header that follows the first 14 bytes of a BMP
_DOCUMENTS = {".pdf", ".doc", ".docx", ".odt", ".xls", ".xlsx", ".ods", ".ppt", ".pptx"}


def holds_image(start: bytes) -> bool:
    """Return whether a file starts as an image of a format that can be read.

    >>> holds_image(b"GIF89a..."), holds_image(b"BMI of the patients")
    (True, False)
    """
    is_bmp = start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in _BMP_HEADERS
    return start.startswith(_IMAGES) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP") or is_bmp


def is_document(path: PurePath, start: bytes) -> bool:
    """Return whether a file is text, in UTF-8 or UTF-16, or a document by its ending."""
    if path.suffix.lower() in _DOCUMENTS or start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    # Text has no control characters besides tabs, line ends and escapes; bytes above 127 are letters of any encoding.
    odd = sum(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in start)
    return odd == 0
