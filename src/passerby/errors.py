"""What passerby refuses, each with the remedy in its one line of text.

The command line prints the line and exits with 2; a library user catches `Refused` or one of its
kinds. A message names what was met, then what to do about it.
"""

import os


def shown(text: str | os.PathLike[str]) -> str:
    """Text or a path on one line: controls and bytes of a name that are no UTF-8 are escaped."""
    return "".join(char if char.isprintable() else escape(char) for char in os.fspath(text))


def escape(char: str) -> str:
    """One character as ASCII: \\xe9 for a byte that is no UTF-8, \\n, \\u200b."""
    if "\udc80" <= char <= "\udcff":  # how Python holds a byte of a name that is no UTF-8
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


class Refused(Exception):  # noqa: N818 - the word a reader meets in the message
    """Input that passerby does not take; `str(error)` is one line that names the remedy."""


class BadPhoto(Refused):
    """A file that is not a photo that can be read, or is too large to be one."""


class BadData(Refused):
    """A data set whose annotation file or layout is wrong."""


class BadRecipe(Refused):
    """A recipe with an unknown key, a wrong type or a value out of range."""


class BadModel(Refused):
    """A model folder, checkpoint or encoder that cannot be loaded."""


class BadGallery(Refused):
    """A gallery that is missing, locked, or made by another model or version."""


class BadQuery(Refused):
    """A sentence or a filter that cannot be searched for."""
