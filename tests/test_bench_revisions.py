"""``make bench-compare``: what is built and compared, and what is refused before that."""

import shutil
import subprocess
from pathlib import Path

import pytest

import compare_revisions

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]


@pytest.fixture
def git(tmp_path, monkeypatch):
    """A function that runs git in a checkout of its own, which is what is compared."""
    monkeypatch.setattr(compare_revisions, "ROOT", tmp_path / "checkout")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "init", "--quiet", compare_revisions.ROOT], check=True)
    identity = ["-c", "user.name=N", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    return lambda *arguments: compare_revisions.git(*identity, *arguments)


@pytest.fixture
def commits(git):
    """Two commits, whose file says which it is; the checkout's says that it was edited since."""
    file, found = compare_revisions.ROOT / "file", []
    for content in ("first", "second"):
        file.write_text(content)
        git("add", "file")
        git("commit", "--quiet", "--message", content)
        found.append(git("rev-parse", "HEAD"))
    file.write_text("edited")
    return found


@pytest.fixture
def built(monkeypatch):
    """What pip was to build, as pairs of (folder, content of its file); nothing is built."""
    found, run = [], subprocess.run

    def pretend(command, **options):
        if command[0] == "git":
            return run(command, **options)
        *_, target, source = command
        found.append((Path(target), Path(source, "file").read_text()))
        if found[-1][1] == "broken":
            raise subprocess.CalledProcessError(1, command)
        return None

    monkeypatch.setattr(compare_revisions.subprocess, "run", pretend)
    return found


@pytest.fixture
def compared(monkeypatch):
    """The arguments of the comparison, which ends with status 1."""
    found, command = [], compare_revisions.bnfast_command

    def pretend(arguments):
        if "--list" in arguments:
            return command(arguments)
        found.append(arguments)
        return 1

    monkeypatch.setattr(compare_revisions, "bnfast_command", pretend)
    return found


def test_the_checkout_is_compared_with_a_revision(commits, built, compared):
    assert compare_revisions.main(["HEAD~1", "-k", "layer", "--seconds", "3"]) == 1
    (old, old_content), (new, new_content) = built
    assert (old_content, new_content) == ("first", "edited")
    assert compared == [
        ["bench", "compare", str(old), str(new), "-k", "layer", "--seconds", "3"],
    ]
    assert old.name == f"old-{commits[0][:8]}"
    assert new.name == "new-checkout"
    assert not old.parent.exists()


def test_two_revisions_are_compared(commits, built, compared):
    assert compare_revisions.main(["HEAD~1", "--candidate", "HEAD"]) == 1
    assert [content for _, content in built] == ["first", "second"]


def test_a_revision_may_be_compared_with_itself(commits, built, compared):
    assert compare_revisions.main(["HEAD", "--candidate", "HEAD"]) == 1
    assert [content for _, content in built] == ["second", "second"]
    assert built[0][0] != built[1][0]


def test_what_cannot_be_built_ends_3(commits, built, compared, capsys):
    (compare_revisions.ROOT / "file").write_text("broken")
    assert compare_revisions.main(["HEAD"]) == 3
    assert "compare_revisions: failed: " in capsys.readouterr().err
    assert not compared
    assert not built[0][0].parent.exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["HEAD~7"], "git knows no revision 'HEAD~7'"),
        (["--", "--all"], "git knows no revision '--all'"),
        (["HEAD", "--candidate", "no-such"], "git knows no revision 'no-such'"),
        (["HEAD", "-k", "no-such"], "no case matches -k no-such"),
        (["HEAD", "--no-such"], "unrecognized arguments: --no-such"),
        (["HEAD", "HEAD"], "unrecognized arguments: HEAD"),
        ([], "required: base"),
    ],
)
def test_wrong_usage_ends_2_before_anything_is_built(
    arguments, message, commits, built, compared, capsys
):
    with pytest.raises(SystemExit) as caught:
        compare_revisions.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not built
    assert not compared
