"""What passerby refuses, each with the remedy in its one line of text.

The command line prints the line and exits with 2; a library user catches `Refused` or one of its
kinds. A message names what was met, then what to do about it.
"""


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
