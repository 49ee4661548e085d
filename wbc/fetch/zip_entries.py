"""Entries of a zip: their names, their readability, and the errors of damaged ones."""

import lzma
import zipfile
import zlib

# Errors of zipfile and its decompressors for a damaged zip; a ValueError means that a name isn't UTF-8.
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, ValueError)
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
# Methods that some programs write and Python doesn't read, by the numbers of the zip format (APPNOTE.TXT, 4.4.5).
METHODS = {
    9: "Deflate64, which Windows' Explorer uses above 2 GB",
    93: "Zstandard",
    95: "XZ",
    97: "WavPack",
    98: "PPMd",
}


def name_of(entry: zipfile.ZipInfo) -> str | None:
    """Return the name of an entry with "/" between its parts, or None if its encoding is unknown.

    A zip that doesn't mark a name as UTF-8 doesn't name the encoding. A Mac writes UTF-8 without the mark; another
    encoding (GBK, cp866, cp932) would give wrong letters without an error.
    """
    name = entry.filename
    if not entry.flag_bits & 0x800 and not name.isascii():
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            return None
    return name.replace("\\", "/")  # some Windows programs write \\ between folders


def why_unreadable(entry: zipfile.ZipInfo) -> str | None:
    """Return why Python can't read an entry, although the zip may be intact, or None."""
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in READABLE and not entry.is_dir():
        method = METHODS.get(entry.compress_type, f"number {entry.compress_type}")
        return f"is compressed by a method that can't be read here ({method}); the zip may be sound"
    return None
