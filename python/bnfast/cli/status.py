"""The exit statuses of every command."""

from enum import IntEnum


class Status(IntEnum):
    """What a command tells its caller; argparse itself exits with `USAGE`."""

    DONE = 0
    CHECK_FAILED = 1
    USAGE = 2
    NOT_MEASURED = 3
    UNREAD = 141  # what shells report of a command that SIGPIPE ended
