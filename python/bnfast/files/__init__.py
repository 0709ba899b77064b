"""Statistics and normalization of data in files, a part at a time: memory holds no whole file."""

from bnfast.files.errors import FileError
from bnfast.files.finding import find
from bnfast.files.normalizing import normalize
from bnfast.files.statistics import channel_stats

__all__ = ["FileError", "channel_stats", "find", "normalize"]
