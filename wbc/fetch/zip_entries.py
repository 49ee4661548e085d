"""What the entries of a zip are called, which of them can be read, and what a damaged one raises."""

import lzma
import zipfile
import zlib

# What zipfile and its decompressors stumble over in a damaged zip; a ValueError is a name that isn't UTF-8.
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
    """Return the name of an entry with "/" between its parts, or None where it isn't clear which letters it has.

    A zip that doesn't mark a name as UTF-8 doesn't say what its letters are. On a Mac they are UTF-8 all the same;
    letters of another code (GBK, cp866, cp932) would become other letters without a word.
    """
    name = entry.filename
    if not entry.flag_bits & 0x800 and not name.isascii():
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            return None
    return name.replace("\\", "/")  # some Windows programs write it so


def why_unreadable(entry: zipfile.ZipInfo) -> str | None:
    """Return why Python can't read an entry, though the zip may be sound; or None."""
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in READABLE and not entry.is_dir():
        method = METHODS.get(entry.compress_type, f"number {entry.compress_type}")
        return f"is compressed by a method that can't be read here ({method}); the zip may be sound"
    return None
