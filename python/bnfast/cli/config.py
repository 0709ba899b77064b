"""``bnfast config``: how C and C++ programs are built with the library in this package."""

import argparse

from bnfast import c_library
from bnfast.cli.command import Command
from bnfast.cli.status import Status

_ANSWERS = {
    "cflags": (c_library.cflags, "print the flags for compiling"),
    "libs": (c_library.libs, "print the flags for linking"),
    "cmakedir": (c_library.get_cmake_dir, "print the directory of bnfastConfig.cmake"),
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, (_, description) in _ANSWERS.items():
        parser.add_argument(f"--{name}", action="store_true", help=description)
    parser.set_defaults(usage_error=parser.error)


def _run(arguments: argparse.Namespace) -> Status:
    asked = [answer for name, (answer, _) in _ANSWERS.items() if getattr(arguments, name)]
    if not asked:
        arguments.usage_error("one of " + ", ".join(f"--{name}" for name in _ANSWERS))
    print(*(answer() for answer in asked))
    return Status.DONE


COMMAND = Command(
    name="config",
    summary="flags to build C and C++ programs with this library",
    description="Print what a compiler, a linker or CMake needs to know to build a C or C++ "
    "program with the library that comes in this package, on one line.",
    add_arguments=_add_arguments,
    run=_run,
)
