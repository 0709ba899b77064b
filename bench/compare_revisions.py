"""Build a git revision and the checkout as it is, and compare them: processes that take turns.

``python bench/compare_revisions.py BASE [--candidate REV] [arguments of 'bnfast bench compare']``
Exit status: 0 all ok, 1 a regression, 2 wrong usage, 3 could not build, or measure.
"""

import argparse
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bnfast.cli import main as bnfast_command
from bnfast.cli.status import Status

ROOT = Path(__file__).parents[1]


def main(argv=None):
    """Build both, compare them, return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("base", help="a git revision")
    parser.add_argument("--candidate", help="a git revision (default: the checkout as it is)")
    arguments, others = parser.parse_known_args(argv)
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            base = build(stack, arguments.base, folder)
            candidate = build(stack, arguments.candidate, folder)
            return bnfast_command(["bench", "compare", str(base), str(candidate), *others])
    except subprocess.CalledProcessError as error:
        print(f"compare_revisions: failed: {' '.join(error.cmd)}", file=sys.stderr)
        return Status.NOT_MEASURED


def build(stack, revision, folder):
    """Install a revision, or the checkout if it is None, into a folder named after it."""
    if revision is None:
        target, source = folder / "checkout", ROOT
    else:
        commit = git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        target = folder / f"{revision.replace('/', '_')}-{commit[:8]}"
        source = stack.enter_context(worktree(commit, folder / f"source-of-{target.name}"))
    print(f"building {target.name} ...", file=sys.stderr, flush=True)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", *options]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True)
    return target


@contextmanager
def worktree(commit, folder):
    """Check a commit out into a folder of its own."""
    git("worktree", "add", "--quiet", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))


def git(*arguments):
    """Run git in the checkout and return what it prints."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
