"""Arguments that name a file to write."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path


def path_ending_in(*suffixes: str) -> Callable[[str], Path]:
    """Return what makes a path of an argument, and refuses other endings and missing folders.

    Examples
    --------
    >>> from bnfast.cli.output import path_ending_in
    >>> path_ending_in(".html", ".htm")("saved.json")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: expected a name that ends in .html or .htm, got 'saved.json'
    """

    def path_of(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            expected = " or ".join(suffixes)
            raise argparse.ArgumentTypeError(
                f"expected a name that ends in {expected}, got {text!r}"
            )
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"there is no directory {str(path.parent)!r}")
        if not os.access(path.parent, os.W_OK):
            raise argparse.ArgumentTypeError(f"cannot write into {str(path.parent)!r}")
        return path

    return path_of
