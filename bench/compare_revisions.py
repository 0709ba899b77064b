"""Build a git revision and the checkout as it is, and compare them: processes that take turns.

``python bench/compare_revisions.py BASE [--candidate REV] [options of 'bnfast bench compare']``
Exit status: 0 all ok, 1 a regression, 2 wrong usage, 3 could not build, or judge.
"""

import argparse
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from shutil import unpack_archive
from tempfile import TemporaryDirectory

from bnfast.cli import main as bnfast_command
from bnfast.cli.status import Status

ROOT = Path(__file__).parents[1]
COMPARE = ["bench", "compare"]


def main(argv=None):
    """Build both, compare them, return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="All other options are those of 'bnfast bench compare', as -k PATTERN.",
        allow_abbrev=False,
    )
    parser.add_argument("base", type=commit, help="a git revision")
    parser.add_argument(
        "--candidate", type=commit, help="a git revision (default: the checkout as it is)"
    )
    arguments, options = parser.parse_known_args(argv)
    with redirect_stdout(sys.stderr):  # refuses wrong options before anything is built
        bnfast_command([*COMPARE, "installed", "installed", "--list", *options])
    try:
        with TemporaryDirectory() as folder:
            base = build(arguments.base, Path(folder), "old")
            candidate = build(arguments.candidate, Path(folder), "new")
            return bnfast_command([*COMPARE, str(base), str(candidate), *options])
    except subprocess.CalledProcessError as error:
        print(f"compare_revisions: failed: {' '.join(error.cmd)}", file=sys.stderr)
        return Status.NOT_MEASURED


def commit(revision):
    """Return the commit that a git revision names."""
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except subprocess.CalledProcessError:
        raise argparse.ArgumentTypeError(f"git knows no revision {revision!r}") from None


def build(commit, folder, role):
    """Install a commit, or the checkout if it is None, and return where."""
    name = f"{role}-{commit[:8] if commit else 'checkout'}"
    print(f"building {name} ...", file=sys.stderr, flush=True)
    source = unpacked(commit, folder / f"source-of-{name}") if commit else ROOT
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", *options]
    subprocess.run([*pip, "--target", str(folder / name), str(source)], check=True)
    return folder / name


def unpacked(commit, folder):
    """Write the files of a commit into a folder and return it."""
    archive = folder.with_suffix(".zip")
    git("archive", "--format=zip", f"--output={archive}", commit)
    unpack_archive(archive, folder)
    return folder


def git(*arguments):
    """Run git in the checkout and return what it prints."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
