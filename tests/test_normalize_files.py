"""`bnfast normalize`: what it writes, what it refuses, and that it leaves nothing half done."""

import json

import numpy as np
import pytest

from bnfast.channel_stats import ChannelStats
from bnfast.cli import main
from bnfast.files import FileError, blocks, normalize

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)


@pytest.fixture
def small_blocks(monkeypatch):
    """Cut files into blocks of 1000 bytes."""
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 1000)


def refused(capsys, *arguments):
    """Return what a command that ends with status 1 says on stderr."""
    assert main([*map(str, arguments)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def saved_stats(folder, x, **options):
    path = folder / "stats.json"
    path.write_text(json.dumps(ChannelStats(**options).update(x).to_dict()))
    return path


@pytest.mark.parametrize(
    "dtype, wanted, expected",
    [("u1", None, "f4"), ("f8", None, "f8"), ("f2", None, "f2"), ("f8", "float16", "f2")],
)
def test_dtypes_of_normalize(dtype, wanted, expected, tmp_path):
    x = RNG.integers(0, 256, (40, 3)).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    arguments = [] if wanted is None else ["--dtype", wanted]
    stats = saved_stats(tmp_path, x)
    paths = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    assert main(["normalize", *paths, "--stats", str(stats), *arguments]) == 0
    y = np.load(tmp_path / "y.npy")
    assert y.dtype == expected
    wide = x.astype(np.float64)
    exact = (wide - wide.mean(0)) / wide.std(0)
    np.testing.assert_allclose(y, exact, atol=4 * np.finfo(expected).eps)
    # The same access as any new file has, and nothing left beside it.
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "y.npy").stat().st_mode == (tmp_path / "plain").stat().st_mode
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["plain", "stats.json", "x.npy", "y.npy"]


def test_constant_channels_and_eps(tmp_path):
    x = np.array([[5.0, 1.0], [5.0, 3.0]])
    np.save(tmp_path / "x.npy", x)
    stats = saved_stats(tmp_path, x)
    arguments = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), "--stats", str(stats)]
    assert main(["normalize", *arguments]) == 0
    assert np.load(tmp_path / "y.npy").tolist() == [[0, -1], [0, 1]]
    assert main(["normalize", *arguments, "--eps", "3"]) == 0
    assert np.load(tmp_path / "y.npy").tolist() == [[0, -0.5], [0, 0.5]]


def test_normalize_refuses_and_leaves_the_target(tmp_path, capsys):
    x = RNG.normal(size=(50, 3))
    source, target, link = (tmp_path / name for name in ("x.npy", "y.npy", "link.npy"))
    np.save(source, x)
    target.write_text("as it was")
    stats = saved_stats(tmp_path, x)
    link.symlink_to(source)
    before = sorted(tmp_path.iterdir())

    def message(*arguments):
        return refused(capsys, "normalize", *arguments)

    assert "read and written at once" in message(source, source, "--stats", stats)
    assert "read and written at once" in message(source, link, "--stats", stats)
    said = message(source, target, "--stats", stats, "--channel-axis", 0)
    assert said.endswith("x.npy: 50 channels, but the statistics are of 3\n")
    assert "no channel axis 2" in message(source, target, "--stats", stats, "--channel-axis", 2)
    assert "absent" in message(tmp_path / "absent.npy", target, "--stats", stats)
    assert "absent" in message(source, target, "--stats", tmp_path / "absent.json")
    assert "nowhere" in message(source, tmp_path / "nowhere/y.npy", "--stats", stats)
    assert "Is a directory" in message(source, tmp_path, "--stats", stats)
    assert "magic string" in message(stats, target, "--stats", stats)
    bad = saved_stats(tmp_path, np.full((2, 3), np.nan))
    assert "std must be positive, got nan" in message(source, target, "--stats", bad)
    bad.write_text("{}")
    assert "document must be of format" in message(source, target, "--stats", bad)
    bad.write_text("{")
    assert "stats.json: " in message(source, target, "--stats", bad)
    assert target.read_text() == "as it was"
    assert sorted(tmp_path.iterdir()) == before
    for wrong in ("-1", "nan", "x"):
        with pytest.raises(SystemExit) as ended:
            main(["normalize", str(source), str(target), "--stats", str(stats), "--eps", wrong])
        assert ended.value.code == 2
        assert f"expected a number of at least 0, got {wrong!r}" in capsys.readouterr().err


def test_an_error_half_way_leaves_nothing(small_blocks, tmp_path):
    x = RNG.normal(size=(500, 3))
    np.save(tmp_path / "x.npy", x)
    stats = ChannelStats().update(x)

    def fail(path, count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        normalize(tmp_path / "x.npy", tmp_path / "y.npy", stats, progress=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def test_a_file_that_becomes_shorter(small_blocks, tmp_path):
    x = RNG.normal(size=(5000, 3))
    path = tmp_path / "x.npy"
    np.save(path, x)

    def truncate(path, count):
        with path.open("r+b") as file:
            file.truncate(2000)

    with pytest.raises(FileError, match="ends early"):
        normalize(path, tmp_path / "y.npy", ChannelStats().update(x), progress=truncate)
    assert not (tmp_path / "y.npy").exists()


def test_normalize_no_values(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((0, 2)))
    stats = saved_stats(tmp_path, np.ones((3, 2)))
    paths = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    assert main(["normalize", *paths, "--stats", str(stats)]) == 0
    assert np.load(paths[1]).shape == (0, 2)
