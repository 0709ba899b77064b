"""The demo: its data, its reference, its picture; and that a wrong result makes it fail."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import bnfast
from bnfast import demo
from bnfast.cli import main
from bnfast.demo import checks, data, learning, network, reference, timing, training
from bnfast.demo.report import Report

pytestmark = pytest.mark.once

PARTS = (
    "photographs NCHW",
    "photographs NHWC",
    "digits NCHW",
    "digits table",
    "features",
    "learning",
)


@pytest.fixture
def small(monkeypatch):
    """Less data, fewer steps; the batches still cover the data evenly."""
    monkeypatch.setattr(data, "_TILE_ROWS", 4)
    monkeypatch.setattr(data, "_TILE_COLUMNS", 8)
    monkeypatch.setattr(training, "STEPS", 4)
    monkeypatch.setattr(learning, "SEEDS", (0,))
    monkeypatch.setattr(timing, "SHAPES", ((2, 8, 4, 4),))
    monkeypatch.setattr(timing, "ROUNDS", 2)
    monkeypatch.setattr(timing, "WARM_UP_SECONDS", 0)


def assert_is_png(path):
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(content) > 50_000


def test_the_whole_demo_as_json(tmp_path, capsys):
    picture = tmp_path / "picture.png"
    assert main(["demo", "--no-times", "--json", "--output", str(picture)]) == 0
    output = capsys.readouterr()
    figures = json.loads(output.out)
    assert output.err == ""
    assert set(figures) == {*PARTS, "checks", "ok", "picture"}
    assert figures["ok"] is True
    assert figures["picture"] == str(picture)
    assert_is_png(picture)
    names = [check["name"] for check in figures["checks"]]
    assert len(names) == len(set(names))
    for check in figures["checks"]:
        assert check["ok"], check
        assert check["measured"] <= check["limit"]
    for part in PARTS[:4]:
        stages = figures[part]["stages"]
        learned, all_data = stages["learned averages"], stages["all data"]
        np.testing.assert_allclose(learned["mean"], all_data["mean"], rtol=0.1, atol=0.1)
        assert len(learned["mean"]) == len(figures[part]["channels"])
    assert figures["photographs NHWC"]["shape"] == [256, 128, 128, 3]
    assert np.shape(figures["learning"]["accuracy"]["before"]) == (5, 10)


@pytest.mark.usefixtures("small")
def test_the_demo_as_text(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    titles = [block.splitlines()[0] for block in output.out.split("\n\n")[::2]]
    beginnings = (*PARTS[:4], "two features", "learning digits", "times", "picture")
    for title, beginning in zip(titles, beginnings, strict=True):
        assert title.startswith(beginning)
    assert "training NHWC 2x8x4x4" in output.out
    assert output.out.splitlines()[-2] == "picture: bnfast-demo.png"
    assert output.out.splitlines()[-1].endswith("checks ok")
    assert "FAILED" not in output.out
    assert_is_png(tmp_path / "bnfast-demo.png")


@pytest.mark.usefixtures("small")
def test_a_wrong_result_ends_1_and_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bnfast, "standardize", lambda x: x / np.float32(2))
    picture = tmp_path / "picture.png"
    assert main(["demo", "--no-times", "--output", str(picture)]) == 1
    output = capsys.readouterr().out
    assert output.splitlines()[-1].startswith("FAILED: features: y, features: mean 0")
    assert_is_png(picture)


@pytest.mark.parametrize("module", ["sklearn", "matplotlib", "PIL"])
def test_a_missing_extra_ends_3_and_names_the_extra(module, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    picture = tmp_path / "picture.png"
    assert main(["demo", "--output", str(picture)]) == 3
    error = capsys.readouterr().err
    assert module in error
    assert "pip install 'bnfast[demo]'" in error
    assert not picture.exists()
    with pytest.raises(ImportError, match=r"bnfast\[demo\]"):
        demo.run(picture)


@pytest.mark.parametrize("axis", [1, -1])
def test_every_result_of_a_dataset_is_checked(axis, monkeypatch):
    monkeypatch.setattr(training, "STEPS", 3)
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((12, 4, 4), dtype=np.float32) * 3 + 100
    dataset = data.Dataset("toy", samples, axis, 4, tuple("abcd"), (0, 3))
    normalized = demo.normalize_dataset(dataset)
    assert [check.name for check in normalized.checks if not check.ok] == []
    assert {check.name.removeprefix("toy: ") for check in normalized.checks} == {
        "y in training",
        "running mean",
        "running var",
        "y in inference",
        "y of the frozen layer",
        "cumulative average = data mean",
        "moments: mean",
        "moments: var",
        "input restored",
        "dx",
        "dweight",
        "dbias",
    }
    lines = normalized.text().splitlines()
    assert "2 of 4 channels" in lines[1]
    assert lines[4].startswith("a ")
    assert lines[5].startswith("d ")


def test_the_reference_is_the_definition():
    x = np.array([[1.0, 10.0], [3.0, 10.0], [8.0, 40.0]])
    found = reference.moments(x, 1)
    np.testing.assert_allclose(found.mean, [4, 20])
    np.testing.assert_allclose(found.var, [26 / 3, 200])
    y = reference.normalize(x, found, 1.0, 1)
    np.testing.assert_allclose(y[:, 1], np.array([-10, -10, 20]) / np.sqrt(201))
    start = reference.Statistics(np.zeros(2), np.ones(2))
    running = reference.moving_average(start, found, count=3, momentum=0.1)
    np.testing.assert_allclose(running.mean, [0.4, 2])
    np.testing.assert_allclose(running.var, [0.9 + 0.1 * 13, 0.9 + 0.1 * 300])


def test_the_reference_backward_is_the_derivative():
    rng = np.random.default_rng(1)
    x, dy = rng.standard_normal((2, 3, 2, 4))
    eps, step = 0.1, 1e-6

    def loss(values):
        return float(np.sum(dy * reference.normalize(values, reference.moments(values, 1), eps, 1)))

    expected = np.empty_like(x)
    for index in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[index] = step
        expected[index] = (loss(x + moved) - loss(x - moved)) / (2 * step)
    found = reference.backward(dy, x, eps, 1)
    np.testing.assert_allclose(found.dx, expected, atol=1e-8)
    y = reference.normalize(x, reference.moments(x, 1), eps, 1)
    np.testing.assert_allclose(found.dweight, (dy * y).sum(axis=(0, 2)))
    np.testing.assert_allclose(found.dbias, dy.sum(axis=(0, 2)))


def test_errors_are_absolute_to_1_and_relative_above():
    error = reference.float32_error([0.5 + 1.2e-6, 100.0], np.array([0.5, 100.0 - 1.2e-4]))
    assert error == pytest.approx(10, rel=1e-4)
    assert reference.float32_error([1.0, 2.0], np.array([1.0, 2.0 + 1.2e-5]), scale=10.0) == (
        pytest.approx(10)
    )


def test_a_check_that_is_no_number_fails():
    failed = checks.Check("x", float("nan"))
    assert not failed.ok
    assert checks.checks_table([failed]).endswith("FAILED")
    assert checks.checks_table([checks.Check("x", 7.9)]).endswith("ok")


def test_a_report_is_json_whatever_was_measured():
    part = SimpleNamespace(
        name="part",
        checks=[checks.Check("x", float("inf")), checks.Check("y", 1.0)],
        figures=lambda: {"values": np.array([1.5, np.nan]), "shape": (2, np.int64(3))},
    )
    report = Report([part], Path("picture.png"))
    figures = json.loads(json.dumps(report.figures(), allow_nan=False))
    assert figures["part"] == {"values": [1.5, None], "shape": [2, 3]}
    assert figures["checks"][0] == {
        "name": "x",
        "measured": None,
        "limit": 8.0,
        "unit": "x 1.2e-7",
        "ok": False,
    }
    assert figures["ok"] is False
    assert report.summary().splitlines()[-1] == "FAILED: x"


def test_tiles_cover_the_photographs():
    photographs = data.load_photographs()
    tiles = data.photograph_tiles(photographs)
    assert tiles.shape == (256, 128, 128, 3)
    for photograph, part in zip(photographs, np.split(tiles, 2), strict=True):
        np.testing.assert_array_equal(data.assemble(part, photograph.shape), photograph)


def test_both_layouts_hold_the_same_tiles():
    nchw, nhwc = data.photograph_datasets(data.load_photographs())
    assert nchw.samples.flags.c_contiguous
    assert nhwc.samples.flags.c_contiguous
    np.testing.assert_array_equal(nchw.samples, nhwc.samples.transpose(0, 3, 1, 2))


def test_batches_go_through_all_samples_epoch_after_epoch():
    images, _ = data.load_digits()
    _, dataset = data.digit_datasets(images)
    batches = list(dataset.batches(7, np.random.default_rng(0)))
    assert [batch.shape for batch in batches] == [(599, 64)] * 7
    for epoch in (batches[:3], batches[3:6]):
        found = np.concatenate(epoch)
        np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(dataset.samples, axis=0))
    assert not np.array_equal(batches[0], batches[3])


def test_features_have_the_scales_they_are_named_for():
    bedrooms, price = data.housing_features(np.random.default_rng(0)).T
    assert (bedrooms.min(), bedrooms.max()) == (1, 5)
    assert 1000 <= price.min() < 5000
    assert 90_000 < price.max() <= 99_999


@pytest.mark.parametrize("placement", learning.PLACEMENTS)
def test_the_network_steps_down_its_gradient(placement):
    x = np.random.default_rng(3).standard_normal((40, 64), dtype=np.float32)
    labels = np.arange(40) % 10

    def loss(model):
        logits = model.forward(x, training=True).astype(np.float64)
        return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels])

    stepped, nudged = (network.Network(placement, np.random.default_rng(4)) for _ in range(2))
    before = stepped._layers[0].weight.copy()
    stepped.step(x, labels, 1.0)
    gradient = before - stepped._layers[0].weight
    direction = gradient / np.linalg.norm(gradient)
    losses = []
    for distance in (0.01, -0.01):
        nudged._layers[0].weight[...] = before + distance * direction
        losses.append(loss(nudged))
    assert (losses[0] - losses[1]) / 0.02 == pytest.approx(np.linalg.norm(gradient), rel=0.02)


def test_batch_norm_learns_at_a_rate_where_nothing_else_does():
    images, labels = data.load_digits()
    pixels = images.reshape(len(images), -1) / np.float32(16)
    without, before = (
        learning.learn(pixels, labels, placement, 3.0, seed=5) for placement in ("none", "before")
    )
    assert without[-1] < 0.5
    assert before[-1] > 0.9


@pytest.mark.usefixtures("small")
def test_times_hold_every_operation_and_layout():
    times = timing.measure_times(lambda step: None)
    assert [(row.operation, row.layout) for row in times.rows] == [
        (operation, layout)
        for layout in ("NCHW", "NHWC")
        for operation in ("training", "inference", "backward")
    ]
    assert all(check.ok for check in times.checks)
    for row in times.rows:
        tensors = 3 if row.operation == "backward" else 2
        assert row.bytes_moved == tensors * 4 * 2 * 8 * 4 * 4
        assert min(row.seconds.values()) > 0
        assert row.rate("bnfast") == row.bytes_moved / row.seconds["bnfast"]
    figures = times.figures()
    assert figures["rounds"] == 2
    assert len(figures["rows"]) == 6


@pytest.mark.usefixtures("small")
def test_times_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    times = timing.measure_times(lambda step: None)
    assert {name for row in times.rows for name in row.seconds} == {"bnfast", "NumPy"}
    assert times.rows[0].row()[-2:] == ["-", "-"]


@pytest.mark.usefixtures("small")
def test_times_with_pytorch():
    pytest.importorskip("torch")
    rows = timing.measure_times(lambda step: None).rows
    assert {"PyTorch", "PyTorch out="} < set(rows[0].seconds)
    assert "PyTorch out=" not in rows[2].seconds


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("wrong", [lambda x, *_, out, **__: out, lambda x, *_, **__: x])
def test_a_wrong_answer_is_not_timed_as_right(wrong, monkeypatch):
    monkeypatch.setattr(bnfast, "batch_norm", wrong)
    failed = [
        check.name for check in timing.measure_times(lambda step: None).checks if not check.ok
    ]
    assert failed == ["times: answers of bnfast"]
