"""Cython extensions, built as users build them, against the installed package."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("Cython", reason="Cython, which compiles extensions, is not installed")
pytest.importorskip("setuptools", reason="setuptools, which builds extensions, is not installed")
if not (os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")):
    pytest.skip("no C compiler", allow_module_level=True)

ROOT = Path(__file__).parents[1]


def run(folder, *command, **environment):
    """Run Python away from the checkout and return what it prints."""
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def build(folder):
    run(folder, "setup.py", "build_ext", "--inplace", CFLAGS="-O0 -g0")


def build_copy(source, folder):
    """Build a folder of the checkout in a copy of it."""
    shutil.copytree(ROOT / source, folder)
    build(folder)
    return folder


def loaded(folder, name):
    (place,) = folder.glob(f"{name}.*.so")
    spec = importlib.util.spec_from_file_location(name, place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
