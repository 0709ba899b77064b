"""The errors of calls whose arguments do not fit the parameters of a compiled function."""

from collections.abc import Mapping, Sequence


def refuse(
    name: str, parameters: str, arguments: Sequence[object], keywords: Mapping[str, object]
) -> None:
    """Raise the TypeError that a Python function of these parameters raises, if it does.

    Parameters
    ----------
    name : str
        What the message calls the function.
    parameters : str
        As in its ``def``. They come from the library's own docstrings: they are evaluated.
    arguments, keywords
        What it was called with.

    Raises
    ------
    TypeError
        An argument is missing, given twice, unexpected or one too many.

    Examples
    --------
    >>> from bnfast.wrong_calls import refuse
    >>> refuse("f", "x, *, out=None", [], {"out": 1})
    Traceback (most recent call last):
    TypeError: f() missing 1 required positional argument: 'x'
    """
    stand_in = eval(f"lambda {parameters}: None")
    stand_in.__qualname__ = name
    stand_in(*arguments, **keywords)
