"""The monitor's report: its table, its JSON, its picture, its refusals and its page."""

import doctest
import inspect
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bnfast
from bnfast import monitor
from bnfast.monitor import Monitor, Report, Thresholds
from bnfast.monitor.history import FIELDS
from monitored_runs import CHANNELS, run, stream
from test_docstrings import described_names, sections

pytestmark = pytest.mark.once

PAGE = Path(__file__).parents[1] / "docs" / "monitor.md"
CALLABLES = {
    "Monitor": monitor.Monitor,
    "Monitor.record": monitor.Monitor.record,
    "Monitor.table": monitor.Monitor.table,
    "Monitor.plot": monitor.Monitor.plot,
    "Report": monitor.Report,
    "Report.table": monitor.Report.table,
    "Report.plot": monitor.Report.plot,
    "Report.from_dict": monitor.Report.from_dict,
    "Thresholds": monitor.Thresholds,
    "BatchNorm.monitor": bnfast.BatchNorm.monitor,
}


@pytest.fixture(scope="module")
def faulty():
    """Two layers; in the first, a channel is not a number and another is dead."""
    first, second = bnfast.BatchNorm(CHANNELS), bnfast.BatchNorm(CHANNELS)
    watching = Monitor({"conv1.bn": first, "conv2.bn": second})
    for step, x in enumerate(stream(steps=40)):
        second(x)
        if step >= 20:
            x[:, 3] = 2.5
            x[0, 7, 0, 0] = np.nan
        first(x)
        watching.record()
    return watching


def test_the_table_shows_the_worst_first(faulty):
    lines = faulty.table(limit=4).splitlines()
    assert lines[0].split()[:2] == ["channel", "mean"]
    assert lines[1].startswith("conv1.bn[7]")
    assert lines[1].endswith("nonfinite")
    assert re.match(r"conv1\.bn\[3\] +2\.5 +0 .* inf +dead$", lines[2])
    history = faulty.report().layers["conv1.bn"].history
    sound = [f"{getattr(history, name)[-1, 0]:.3g}" for name in FIELDS[:4]]
    (line,) = [line for line in faulty.table(100).splitlines() if line.startswith("conv1.bn[0] ")]
    assert line.split()[1:5] == sound
    assert lines[-1] == "2 of 24 channels flagged; 20 not shown, none of them flagged"
    assert "conv1.bn[3] dead (29 to 39): variance 0 is nothing beside eps 1e-05" in lines
    assert faulty.table(1).splitlines()[-1].endswith("23 not shown, 1 of them flagged")
    columns = {len(line) for line in lines[3:5]}
    assert len(columns) == 1, "aligned"


def test_the_table_before_any_record():
    text = Monitor([bnfast.BatchNorm(2)]).table()
    assert text.splitlines()[-1] == "0 of 0 channels flagged"


def test_json_restores_every_bit(faulty):
    text = json.dumps(faulty.to_dict(), allow_nan=False)
    restored, report = Report.from_dict(json.loads(text)), faulty.report()
    assert restored.thresholds == report.thresholds
    assert restored.step == report.step == 39
    assert restored.flags == report.flags != []
    for name, layer in report.layers.items():
        for field in ("step", *FIELDS):
            found = getattr(restored.layers[name].history, field)
            expected = getattr(layer.history, field)
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            np.testing.assert_array_equal(found, expected)
    assert restored.table() == report.table()
    assert json.dumps(restored.to_dict(), allow_nan=False) == text


def test_json_of_nothing():
    text = json.dumps(Monitor([bnfast.BatchNorm(2)]).to_dict(), allow_nan=False)
    assert Report.from_dict(json.loads(text)).layers["0"].history.step.shape == (0,)
    with pytest.raises(ValueError, match=r"format must be 'bnfast.monitor 1', got None"):
        Report.from_dict({})


@pytest.mark.parametrize("capacity", [2, 7, 8])
def test_memory_is_bounded_and_covers_the_whole_run(capacity):
    watching = run(bnfast.BatchNorm(CHANNELS), stream(steps=100), capacity=capacity)
    whole = run(bnfast.BatchNorm(CHANNELS), stream(steps=100)).report().layers["bn"].history
    history = watching.report().layers["bn"].history
    assert capacity / 2 <= len(history.step) <= capacity + 1
    assert (history.step[0], history.step[-1]) == (0, 99)
    assert len(set(np.diff(history.step[:-1]))) <= 1, "at equal distances"
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(history, name), getattr(whole, name)[history.step])


def test_the_picture(faulty, tmp_path):
    pytest.importorskip("matplotlib", reason="draws with matplotlib, which is not installed")
    before = "matplotlib.pyplot" in sys.modules
    figure = faulty.plot(tmp_path / "monitor.png")
    assert (tmp_path / "monitor.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert before or "matplotlib.pyplot" not in sys.modules
    axes = np.reshape(figure.axes, (2, 4))
    history = faulty.report().layers["conv1.bn"].history
    assert axes[0, 0].get_ylabel().startswith("conv1.bn")
    lines = {line.get_label(): line for line in axes[0, 0].lines}
    np.testing.assert_array_equal(lines["3: dead"].get_ydata(), history.std[:, 3])
    np.testing.assert_array_equal(lines["3: dead"].get_xdata(), history.step)
    assert [text.get_text() for text in axes[0, 3].get_legend().get_texts()] == [
        "7: nonfinite",
        "3: dead",
    ]
    assert axes[1, 3].get_legend() is None
    sound = np.delete(np.arange(CHANNELS), [3, 7])
    middle = np.median(history.kl[:, sound], axis=1)
    np.testing.assert_allclose(axes[0, 2].lines[0].get_ydata(), middle, rtol=1e-4)
    figure.draw_without_rendering()
    boxes = [a.title.get_window_extent() for a in axes[0]]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes)), "titles lie apart"


def test_the_picture_of_many_layers_shows_the_worst():
    pytest.importorskip("matplotlib", reason="draws with matplotlib, which is not installed")
    layers = [bnfast.BatchNorm(2) for _ in range(11)]
    watching = Monitor(layers)
    layers[9].running_var[:] = -1
    for at, bn in enumerate(layers):
        bn(np.random.default_rng(at).normal(0, 1 + at, (64, 2)))
    watching.record()
    figure = watching.plot()
    assert len(figure.axes) == 8 * 4
    assert "the worst 8 of 11 layers" in figure.get_suptitle()
    assert "9\n2 channels" in {axes.get_ylabel() for axes in figure.axes}


def test_a_picture_of_nothing_is_refused():
    pytest.importorskip("matplotlib", reason="draws with matplotlib, which is not installed")
    with pytest.raises(ValueError, match="plot needs at least one record, got none"):
        Monitor([bnfast.BatchNorm(2)]).plot()


def test_without_matplotlib_the_extra_is_named(faulty, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'bnfast[plots]'")):
        faulty.plot()


REFUSED = {
    "no layers": (lambda: Monitor([]), ValueError, "layers must hold at least one layer, got none"),
    "not a layer": (
        lambda: Monitor({"a": np.ones(3)}),
        TypeError,
        "layers['a'] must be a BatchNorm, got ndarray",
    ),
    "one layer": (
        lambda: Monitor(bnfast.BatchNorm(2)),
        TypeError,
        "layers must be a mapping or a sequence, got BatchNorm",
    ),
    "a name": (
        lambda: Monitor({1: bnfast.BatchNorm(2)}),
        TypeError,
        "names of layers must be str, got int",
    ),
    "capacity": (
        lambda: bnfast.BatchNorm(2).monitor(capacity=1),
        ValueError,
        "capacity must be at least 2, got 1",
    ),
    "a threshold": (
        lambda: Thresholds(exploding=-1),
        ValueError,
        "exploding must be positive and finite, got -1",
    ),
    "smoothing": (lambda: Thresholds(smoothing=1.0), ValueError, "smoothing must be below 1"),
}


@pytest.mark.parametrize("call, error, message", REFUSED.values(), ids=REFUSED)
def test_refusals(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_a_record_needs_a_new_batch():
    bn = bnfast.BatchNorm(2)
    bn(np.eye(2, dtype=np.float32))
    watching = bn.monitor()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="record needs a call of a layer in training"):
            watching.record()
        bn(np.eye(2, dtype=np.float32))
        watching.record()
    bn(np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match="step must be greater than the last, 1, got 1"):
        watching.record(1)
    assert watching.record(10) == []
    assert watching.report().layers["bn"].history.step.tolist() == [0, 1, 10]


def test_a_layer_without_a_new_batch_is_left_out():
    first, second = bnfast.BatchNorm(2), bnfast.BatchNorm(2)
    watching = Monitor([first, second])
    second(np.eye(2, dtype=np.float32))
    watching.record()
    assert [len(found.history.step) for found in watching.report().layers.values()] == [0, 1]
    assert "1[0]" in watching.table()


def test_importing_bnfast_does_not_load_it():
    program = "import sys, bnfast; print([n for n in sys.modules if 'bnfast.monitor.' in n])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stdout.strip() == b"[]"


def test_examples_of_the_page():
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted >= 5
    assert result.failed == 0


def test_the_page_names_every_flag_and_threshold():
    text = PAGE.read_text(encoding="utf-8")
    names = [*monitor.KINDS, *inspect.signature(Thresholds).parameters]
    assert [name for name in names if f"`{name}`" not in text] == []
    for name, value in vars(Thresholds()).items():
        assert re.search(rf"\| `{name}` \| {value:g} \|", text), f"the default of {name}"


def test_all_names_what_is_there():
    assert sorted(monitor.__all__) == sorted(set(monitor.__all__))
    assert [name for name in monitor.__all__ if not hasattr(monitor, name)] == []


@pytest.mark.parametrize("name", CALLABLES)
def test_docstrings_are_true_to_the_signature(name):
    found = CALLABLES[name]
    has = sections(found.__doc__)
    signature = [n for n in inspect.signature(found).parameters if n != "self"]
    assert described_names(has["Parameters"]) == signature
    assert "Returns" in has or isinstance(found, type)
    assert "Examples" in has or "." in name
