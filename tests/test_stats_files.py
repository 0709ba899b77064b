"""`bnfast stats` and `bnfast normalize`: files, of any size, against the whole arrays."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import bnfast
from bnfast import files
from bnfast.channel_stats import ChannelStats
from bnfast.cli import main
from bnfast.cli.bytes_progress import BytesProgress
from bnfast.files import blocks, find, images
from bnfast.files.blocks import Layout
from channel_stats_reference import exact_channels

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)


@pytest.fixture
def small_blocks(monkeypatch):
    """Cut files into blocks of 1000 bytes."""
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 1000)


def figures_of(capsys, *arguments):
    """Return the channels that ``bnfast stats --json`` prints."""
    assert main(["stats", "--json", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out)["channels"]


def column(figures, name):
    return [row[name] for row in figures]


def check(figures, x, channel_axis):
    rows = np.moveaxis(x, channel_axis, -1).reshape(-1, x.shape[channel_axis])
    wide = rows.astype(np.float64)
    mean, var = exact_channels(wide)
    assert column(figures, "channel") == list(range(wide.shape[1]))
    assert column(figures, "count") == [len(wide)] * wide.shape[1]
    np.testing.assert_allclose(column(figures, "mean"), np.array(mean, float), rtol=1e-13)
    np.testing.assert_allclose(column(figures, "std"), np.sqrt(np.array(var, float)), rtol=1e-13)
    assert column(figures, "min") == wide.min(0).tolist()
    assert column(figures, "max") == wide.max(0).tolist()


ARRAYS = {
    "table": ((700, 5), -1),
    "one axis": ((300,), 0),
    "one column": ((3000, 1), 1),
    "images": ((9, 14, 13, 3), -1),
    "planes": ((9, 3, 14, 13), 1),
    "large planes": ((2, 3, 40, 41), 1),
    "outer channels": ((4, 900), 0),
    "many channels": ((3, 1300), 1),
    "many outer channels": ((1300, 3), 0),
}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape, axis", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">u2", "<f4", ">f8", "<f2"])
def test_arrays_by_blocks(dtype, shape, axis, order, small_blocks, tmp_path, capsys):
    x = (RNG.standard_normal(shape) * 30 + 50).astype(dtype, order=order)
    path, out, saved = (tmp_path / name for name in ("x.npy", "y.npy", "stats.json"))
    np.save(path, x)
    check(figures_of(capsys, path, "--channel-axis", axis, "-o", saved), x, axis)
    stats = ChannelStats.from_dict(json.loads(saved.read_text()))
    if x.dtype.kind == "u":
        native = x.astype(x.dtype.newbyteorder("="))
        assert stats.var().tolist() == bnfast.moments(native, channel_axis=axis).var.tolist()
    arguments = [str(path), str(out), "--stats", str(saved), "--channel-axis", str(axis)]
    assert main(["normalize", *arguments, "--dtype", "float64"]) == 0
    y = np.load(out)
    wide = np.moveaxis(x.astype(np.longdouble), axis, -1)
    rows = wide.reshape(-1, shape[axis])
    std = rows.std(0)
    expected = (wide - rows.mean(0)) / np.where(std > 0, std, 1)
    np.testing.assert_allclose(
        y, np.moveaxis(expected, -1, axis).astype(np.float64), rtol=1e-12, atol=1e-12
    )
    assert y.dtype == np.float64
    assert y.flags.f_contiguous == x.flags.f_contiguous


def test_every_element_lies_in_one_block(monkeypatch):
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 64)
    for layout in (Layout(5, 3, 4), Layout(3, 7, 50), Layout(2, 40, 3), Layout(9, 1, 1)):
        seen = []
        for block in layout.blocks(4):
            runs = [range(start, start + block.run) for start in block.starts]
            seen += [element for run in runs for element in run]
            assert sum(map(len, runs)) == np.prod(block.shape)
            assert block.shape[1] == layout.channels
        assert sorted(seen) == list(range(np.prod(layout)))
    assert list(Layout(0, 3, 4).blocks(4)) == list(Layout(3, 0, 4).blocks(4)) == []


def test_many_files_are_one_set_of_data(tmp_path, capsys):
    x = RNG.normal(7, 2, (60, 3)).astype(np.float32)
    (tmp_path / "deep/er").mkdir(parents=True)
    np.save(tmp_path / "b.npy", x[:10])
    np.savez(tmp_path / "deep/a.npz", first=x[10:20], second=x[20:25])
    np.savez_compressed(tmp_path / "deep/er/c.npz", x[25:])
    (tmp_path / "deep/er/c.npz").rename(tmp_path / "deep/er/c.NPZ")
    (tmp_path / "deep/notes.txt").write_text("not data")
    found = find([tmp_path])
    assert [path.name for path in found] == ["b.npy", "a.npz", "c.NPZ"]
    check(figures_of(capsys, tmp_path), x, -1)
    check(figures_of(capsys, *found), x, -1)
    check(figures_of(capsys, tmp_path / "deep/a.npz", "--member", "second"), x[20:25], -1)


@pytest.fixture
def pillow():
    return pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def test_images(pillow, tmp_path, capsys):
    arrays = RNG.integers(0, 256, (5, 12, 9, 3)).astype(np.uint8)
    names = ("a.png", "b.bmp", "c.tif", "d.PNG", "e.tiff")
    for name, array in zip(names, arrays, strict=True):
        pillow.fromarray(array).save(tmp_path / name)
    np.save(tmp_path / "f.npy", arrays)
    check(figures_of(capsys, *(tmp_path / name for name in names)), arrays, -1)
    check(figures_of(capsys, tmp_path), np.concatenate([arrays, arrays]), -1)
    # Channels lie last in images whatever they do in arrays.
    np.save(tmp_path / "f.npy", np.moveaxis(arrays, -1, 1))
    check(figures_of(capsys, tmp_path, "--channel-axis", 1), np.concatenate([arrays, arrays]), -1)


def test_modes_of_images(pillow, tmp_path, capsys):
    grey = RNG.integers(0, 256, (6, 7)).astype(np.uint8)
    bits, colours = grey > 99, np.stack([grey, grey // 2, 255 - grey], -1)
    cases = {
        "L.png": (pillow.fromarray(grey), grey[..., None]),
        "1.png": (pillow.fromarray(bits), bits[..., None] * np.uint8(255)),
        "16.png": (pillow.fromarray(grey * np.uint16(257)), grey[..., None] * np.uint16(257)),
        "F.tif": (pillow.fromarray(grey.astype(np.float32) / 7), grey[..., None] / np.float32(7)),
        "P.png": (pillow.fromarray(colours).quantize(256), None),
        "RGBA.png": (pillow.fromarray(np.dstack([colours, grey])), np.dstack([colours, grey])),
    }
    for name, (image, expected) in cases.items():
        image.save(tmp_path / name)
        if expected is None:
            expected = np.asarray(image.convert("RGB"))
        check(figures_of(capsys, tmp_path / name), expected, -1)


def test_frames_of_one_image(pillow, tmp_path, capsys):
    frames = RNG.integers(0, 256, (3, 8, 9)).astype(np.uint8)
    first, *others = map(pillow.fromarray, frames)
    first.save(tmp_path / "stack.tif", save_all=True, append_images=others)
    check(figures_of(capsys, tmp_path / "stack.tif"), frames[..., None], -1)


def refused(capsys, *arguments):
    """Return what a command that ends with status 1 says on stderr."""
    assert main([*map(str, arguments)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_files_that_cannot_be_read(tmp_path, capsys):
    good, output = tmp_path / "good.npy", tmp_path / "stats.json"
    np.save(good, np.ones((4, 3)))
    whole = good.read_bytes()
    fields = np.zeros(3, [("a", "f4")])
    objects, zipped = io.BytesIO(), io.BytesIO()
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    np.savez(zipped, x=np.ones((200, 3)))
    cases = {
        "short.npy": (whole[:-8], f"ends early: {len(whole) - 8} bytes, expected {len(whole)}"),
        "empty.npy": (b"", "EOF"),
        "text.npy": (b"nothing of the kind", "magic string"),
        "broken.npz": (zipped.getvalue()[:900], "zip"),
        "broken.png": (b"\x89PNG\r\n\x1a\nnothing", "broken.png"),
        "objects.npy": (objects.getvalue(), "arrays of dtype object are not read"),
    }
    np.save(tmp_path / "fields.npy", fields)
    np.save(tmp_path / "wide.npy", np.ones((4, 3), np.int64))
    np.save(tmp_path / "scalar.npy", np.float32(3))
    for name, (content, _) in cases.items():
        (tmp_path / name).write_bytes(content)
    messages = {name: message for name, (_, message) in cases.items()}
    messages |= {
        "fields.npy": "arrays of dtype [('a', '<f4')] are not read",
        "wide.npy": "int64",
        "scalar.npy": "there is no channel axis -1 in shape ()",
        "missing.npy": "no such file or directory",
    }
    for name, message in messages.items():
        if name.endswith(".png"):
            pytest.importorskip("PIL", reason="Pillow is not installed")
        said = refused(capsys, "stats", good, tmp_path / name, "-o", output)
        assert said.startswith(f"bnfast stats: {tmp_path / name}: ")
        assert message in said
        assert said.count("\n") == 1
        assert not output.exists()
    assert "expected a name that ends in .npy, .npz, .png" in refused(capsys, "stats", __file__)
    (tmp_path / "none").mkdir()
    assert "no file in it ends in .npy" in refused(capsys, "stats", tmp_path / "none")
    archive = tmp_path / "y.npz"
    np.savez(archive, x=np.ones((4, 3)), labels=np.arange(4))
    assert "member 'labels'" in refused(capsys, "stats", archive)
    assert "no member 'y', it has x, labels" in refused(capsys, "stats", archive, "--member", "y")


@pytest.mark.parametrize(
    "name, message",
    [
        ("nowhere/stats.json", "No such file or directory: '{}/nowhere'"),
        ("x.npy/stats.json", "Not a directory: '{}/x.npy'"),
        ("", "Is a directory: '{}'"),
        ("pipe", "expected a regular file to replace, got '{}/pipe'"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_read(
    name, message, tmp_path, capsys, monkeypatch
):
    os.mkfifo(tmp_path / "pipe")
    np.save(tmp_path / "x.npy", np.ones((4, 3)))
    monkeypatch.setattr(files, "channel_stats", lambda *_, **more: pytest.fail("read first"))
    said = refused(capsys, "stats", tmp_path / "x.npy", "-o", tmp_path / name)
    assert message.format(tmp_path) in said


def test_a_damaged_member(tmp_path, capsys):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.ones((500, 3)))
    content = bytearray(path.read_bytes())
    content[2000] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(zipfile.BadZipFile):
        np.load(path)["x"]
    assert "Bad CRC-32" in refused(capsys, "stats", path)


def test_different_numbers_of_channels(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.ones((4, 3)))
    np.save(tmp_path / "b.npy", np.ones((4, 4)))
    output = tmp_path / "stats.json"
    said = refused(capsys, "stats", tmp_path, "-o", output)
    assert said == (
        f"bnfast stats: {tmp_path / 'b.npy'}: 4 channels, but {tmp_path / 'a.npy'} has 3\n"
    )
    assert not output.exists()


def test_without_pillow(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImportError, match="bnfast"):
        images.require_pillow()
    assert refused(capsys, "stats", tmp_path) == (
        "bnfast stats: images need Pillow: pip install 'bnfast[demo]'\n"
    )


def test_nan(tmp_path, capsys):
    x = np.array([[1.0, np.nan], [3.0, 5.0], [np.nan, 7.0]])
    np.save(tmp_path / "x.npy", x)
    assert column(figures_of(capsys, tmp_path / "x.npy"), "mean") == [None, None]
    omitted = figures_of(capsys, tmp_path / "x.npy", "--nan", "omit")
    assert column(omitted, "count") == [2, 2]
    assert column(omitted, "mean") == [2, 6]
    assert column(omitted, "max") == [3, 7]
    assert "must not have NaN" in refused(capsys, "stats", tmp_path / "x.npy", "--nan", "raise")


def test_the_table(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.array([[1, 200], [3, 100]], np.uint8))
    assert main(["stats", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "channel  count  mean  std  min  max",
        "      0      2     2    1    1    3",
        "      1      2   150   50  100  200",
        "1 file",
    ]


def test_no_values(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.ones((0, 2)))
    np.save(tmp_path / "y.npy", np.ones((0, 2)))
    nothing = dict.fromkeys(("mean", "std", "min", "max"))
    assert figures_of(capsys, tmp_path) == [
        {"channel": 0, "count": 0, **nothing},
        {"channel": 1, "count": 0, **nothing},
    ]


MEMORY = """
import resource, sys
from bnfast.cli import main
import bnfast.files
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
status = main(sys.argv[1:])
print(peak() - before, file=sys.stderr)
sys.exit(status)
"""


def test_memory_does_not_grow_with_the_file(tmp_path):
    paths = [str(tmp_path / name) for name in ("x.npy", "stats.json", "y.npy")]
    big = np.lib.format.open_memmap(paths[0], "w+", np.uint8, (2**20, 128))
    big[::4096] = 9
    big.flush()
    del big
    for arguments in (
        ["stats", paths[0], "-o", paths[1]],
        ["normalize", paths[0], paths[2], "--stats", paths[1], "--dtype", "float16"],
    ):
        ended = subprocess.run(
            [sys.executable, "-c", MEMORY, *arguments], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert int(ended.stderr.split()[-1]) < 80  # MB, of 128 and 256


def test_progress_is_a_line_with_figures():
    seconds = iter([0.0, 0.05, 0.06, 1.0, 1.05, 3.0])
    said = []
    bar = BytesProgress(said.append, 4_000_000_000, lambda: next(seconds))
    for count in (0, 1, 1, 1, 1):
        bar(Path("folder/x.npy"), count * 1_000_000_000)
    assert said == [
        "[############            ]  50 %  2.0 GB/s  1 s left  x.npy",
        "[########################] 100 %  1.3 GB/s  0 s left  x.npy",
    ]


def test_nothing_but_the_figures_is_printed(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((4, 2)))
    command = [sys.executable, "-m", "bnfast", "stats", str(tmp_path), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert json.loads(ended.stdout)["files"] == 1
