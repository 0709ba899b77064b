"""Plain text tables: the first column to the left, the others to the right."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return header and rows as aligned text.

    Examples
    --------
    >>> from bnfast.demo.tables import table
    >>> print(table(("channel", "mean"), [("red", "0.5"), ("green", "-12.25")]))
    channel    mean
    -------  ------
    red         0.5
    green    -12.25
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(_line(cells, widths) for cells in (header, rule, *rows))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join((first, *others)).rstrip()
