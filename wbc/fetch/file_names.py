"""Names of files and folders: litter of systems and programs, names of images, and safe display of names."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePath

from wbc.common.images import FORMATS

MAX_NAME = 255  # bytes of one file or folder name, on every common disk
LISTED = 10  # paths that an error lists

_UNSEEN = {"Cc", "Cf", "Zl", "Zp"}  # Unicode's categories: control, format (bidi, zero width), line, paragraph
IMAGE_SUFFIXES = {suffix for suffixes in FORMATS.values() for suffix in suffixes}
# Litter of operating systems, network disks and programs. "icon\r" is the Mac's file for a folder's picture. A colon
# or its replacements mark an NTFS stream, which WSL and network disks show as a file.
_LITTER = re.compile(
    r"""
    thumbs\.db | ehthumbs(_vista)?\.db | desktop\.ini | icon\r | picasa\.ini | \.picasa\.ini | \.picasaoriginals
    | \$recycle\.bin | recycler | recycled | system\ volume\ information | found\.\d{3} | ~\$.+
    | .+[:\uf03a.#]zone\.identifier(:\$data)? | .+:(encryptable|smartscreen|com\.apple\.\S+|afp_\S+)(:\$data)?
    | __macosx | \._.* | \.ds_store | \.appledouble | \.appledb | \.appledesktop | \.lsoverride | \.spotlight-v100
    | \.trashes | \.fseventsd | \.temporaryitems | temporary\ items | network\ trash\ folder | \.localized
    | \.documentrevisions-v100 | \.apdisk | \.volumeicon\.icns | @eadir | @recycle | @recently-snapshot | @sharebin
    | @tmp | @transcode | \#recycle | \#snapshot | \#recently-snapshot | \.@__thumb | \.@upload_cache | \.snapshots?
    | \.zfs | \.synology.* | \.smbdelete.* | \.nfs[0-9a-f]+ | lost\+found | \.trash(-\d+)? | \.directory
    | \.thumbnails | \.xvpics | \.fuse_hidden.* | \.dropbox(\.cache|\.attr)? | \.git | \.gitignore | \.gitattributes
    | \.gitkeep | \.keep | \.nomedia | \.dvc | \.dvcignore | \.svn | \.hg | \.ipynb_checkpoints | \.idea | \.vscode
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def litter(path: str) -> str | None:
    """Return `path` up to the file or folder that a system or program left there, or None."""
    parts = path.split("/")
    for depth, part in enumerate(parts, start=1):
        if _LITTER.fullmatch(part):
            return "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
    return None


def looks_like_image(path: PurePath) -> bool:
    """Return whether a file has the ending of a supported image format."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def printable(path: str, longest: int = 400) -> str:
    """Return `path` with invisible and control characters escaped, shortened if it is very long."""
    text = path.encode("utf-8", "backslashreplace").decode()
    text = "".join(f"\\x{ord(letter):02x}" if unicodedata.category(letter) in _UNSEEN else letter for letter in text)
    return text if len(text) <= longest else f"{text[: longest - 20]}… ({len(text)} letters)"


def some(lines: Sequence[object]) -> str:
    """Return the first lines of a list, indented, and the number of the others."""
    shown = [f"  - {printable(str(line), longest=1000)}" for line in lines[:LISTED]]
    return "\n".join(shown + ([f"  - and {len(lines) - LISTED:,} more"] if len(lines) > LISTED else []))


def alike(name: str) -> str:
    """Return a form of `name` that is equal for names that differ only in letter case or the encoding of accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def why_unusable(name: str) -> str | None:
    """Return why a file or folder can't have this name, or None."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    if size > MAX_NAME:
        return f"its name has {size} bytes; disks hold at most {MAX_NAME}"
    if printable(name) != name:
        return "its name holds a control character, or a letter that can't be seen or turns the direction of writing"
    if not name.strip():
        return "its name is only spaces"
    return None
