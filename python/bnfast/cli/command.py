"""What one command gives to the command line."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from bnfast.cli.status import Status


@dataclass(frozen=True)
class Command:
    """A subcommand: its name, its help, its arguments and the function that runs it."""

    name: str
    summary: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Status]
