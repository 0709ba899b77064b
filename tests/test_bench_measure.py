"""Measuring a case: answers first, then bnfast, its peers and the limit; saved and read back."""

import json
import sys
from datetime import datetime, timezone

import numpy as np
import pytest

import bnfast
from bnfast.bench import Effort, load, peers, roofline, tolerance
from bnfast.bench.answers import BNFAST, check_answers
from bnfast.bench.cases import Case
from bnfast.bench.known import known_cases
from bnfast.bench.limits import Probe, fastest, probes
from bnfast.bench.measure import measure
from bnfast.bench.operations import LAYOUTS, TRAFFIC, at_huge_page, bnfast_call, make_problem
from bnfast.bench.peers import peer_calls
from bnfast.bench.peers_onnx import ONNX_RUNTIME
from bnfast.bench.saving import as_json, save, target
from bnfast.bench.summary import summary
from bnfast.bench.threads import using_threads
from bnfast.bench.tolerance import WrongAnswerError

pytestmark = pytest.mark.once
SHORT = Effort(seconds=0, warm_up=0, turn=0)
SHAPES = [(2, 3, 5, 4), (4, 8), (2, 3, 6), (2, 3, 2, 3, 4)]


@pytest.fixture(scope="module")
def measured():
    return measure(Case("training", "NHWC", (2, 3, 5, 4), 1), SHORT)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("operation", TRAFFIC)
def test_bnfast_and_its_peers_give_the_right_answer(operation, layout, shape):
    problem = make_problem(layout, shape)
    with using_threads(1):
        calls = {BNFAST: bnfast_call(bnfast, operation, problem)}
        found = peer_calls(operation, problem, 1)
        assert not found.left_out
        calls |= found.calls
        assert len(calls) >= 2
        check_answers(operation, problem, calls)


def test_pytorch_takes_part(torch):
    problem = make_problem("NCHW", (2, 3, 4, 4))
    assert {"PyTorch", "PyTorch out="} < set(peer_calls("training", problem, 1).calls)
    assert {"PyTorch", "PyTorch out="} < set(peer_calls("backward", problem, 1).calls)
    assert "PyTorch" in peer_calls("layer", problem, 1).calls


def test_onnx_runtime_takes_part_in_inference():
    pytest.importorskip("onnx", reason="builds a model with onnx, which is not installed")
    pytest.importorskip("onnxruntime", reason="compares with onnxruntime, which is not installed")
    problem = make_problem("NCHW", (2, 3, 4, 4))
    assert ONNX_RUNTIME in peer_calls("inference", problem, 1).calls
    assert ONNX_RUNTIME not in peer_calls("training", problem, 1).calls
    assert ONNX_RUNTIME not in peer_calls("inference", make_problem("NHWC", (2, 3, 4, 4)), 1).calls


@pytest.mark.parametrize("operation", TRAFFIC)
def test_wrong_answers_are_refused(operation):
    problem = make_problem("NCHW", (2, 3, 5, 4))
    right = bnfast_call(bnfast, operation, problem)

    def slightly_wrong():
        answer = right()
        return (answer[0], answer[1] * 1.01) if operation == "moments" else answer * 1.01

    with pytest.raises(WrongAnswerError, match=rf"other: the error of {operation} is .*than 20000"):
        check_answers(operation, problem, {BNFAST: right, "other": slightly_wrong})


def test_bnfast_is_held_to_more_than_its_peers():
    problem = make_problem("NCHW", (2, 3, 5, 4))
    right = bnfast_call(bnfast, "training", problem)
    check_answers("training", problem, {"peer": lambda: right() + np.float32(2e-6)})
    with pytest.raises(WrongAnswerError, match=r"bnfast: .* more than 8"):
        check_answers("training", problem, {BNFAST: lambda: right() + np.float32(2e-6)})


def test_gradients_whose_terms_cancel_are_held_to_the_terms():
    problem = make_problem("NCHW", (2, 5000))
    right = bnfast_call(bnfast, "backward", problem)
    check_answers("backward", problem, {BNFAST: right})
    most = 3 * np.max(np.abs(problem.dy)) * problem.weight * problem.invstd  # of three terms
    wrong = 10 * 1.2e-7 * np.maximum(1, most)
    with pytest.raises(WrongAnswerError, match=r"bnfast: .* more than 8"):
        check_answers("backward", problem, {BNFAST: lambda: right() + wrong})


def test_an_answer_that_is_not_written_is_refused():
    problem = make_problem("NCHW", (2, 3, 5, 4))
    bnfast_call(bnfast, "training", problem)()
    with pytest.raises(WrongAnswerError, match="lazy: the error of training is nan"):
        check_answers("training", problem, {"lazy": lambda: problem.out})


@pytest.mark.parametrize("answer", [np.zeros(3), (np.zeros(3), np.zeros(3))])
def test_an_answer_of_another_shape_is_refused(answer):
    problem = make_problem("NCHW", (2, 3, 5, 4))
    with pytest.raises(WrongAnswerError, match="is inf"):
        check_answers("training", problem, {"other": lambda: answer})


@pytest.mark.parametrize("wrong", ["raises", "errs"])
def test_peers_that_fail_are_left_out(wrong, monkeypatch):
    def call():
        if wrong == "raises":
            raise MemoryError("for a temporary")
        return np.zeros((2, 3))

    monkeypatch.setattr(peers, "numpy_calls", lambda operation, problem: {"NumPy": call})
    found = measure(Case("training", "NCHW", (2, 3), 1), SHORT)
    assert "NumPy" not in found.peers
    expected = {"raises": "MemoryError: for a temporary", "errs": "WrongAnswerError: NumPy: the"}
    assert found.left_out["NumPy"].startswith(expected[wrong])


def test_a_broken_pytorch_is_left_out(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise OSError('libtorch.so is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    found = measure(Case("training", "NCHW", (2, 3), 1), SHORT)
    assert found.left_out["PyTorch"] == "OSError: libtorch.so is missing"


def test_a_wrong_answer_is_not_timed(monkeypatch):
    monkeypatch.setattr(tolerance, "_error", lambda answer, expected, error_of: 9.0)
    with pytest.raises(WrongAnswerError):
        measure(Case("training", "NCHW", (2, 3, 5, 4), 1), SHORT)


def test_arrays_begin_at_huge_pages():
    problem = make_problem("NCHW", (2, 3, 5, 4))
    for array in (problem.x, problem.dy, problem.out):
        assert array.ctypes.data % (2 << 20) == 0
        assert array.flags.writeable
    assert at_huge_page((3, 0)).shape == (3, 0)


def test_the_same_seed_gives_the_same_data():
    one, same, other = (make_problem("NCHW", (2, 3, 5, 4), seed) for seed in (1, 1, 2))
    assert (one.x == same.x).all()
    assert (one.x != other.x).any()


@pytest.mark.parametrize("size", [1, 5, 1000, 300_000])
@pytest.mark.parametrize("threads", [1, 2])
def test_probes_do_what_they_say(size, threads):
    x, z = np.arange(size, dtype=np.float32) % 100, np.full(size, 2, np.float32)
    for name, expected in (("copy", x), ("add", x + z)):
        for probe in probes(name, x, z, out := np.full(size, np.nan, np.float32), threads):
            out.fill(np.nan)
            probe.call()
            np.testing.assert_array_equal(out, expected)
    for probe in probes("read", x, z, x, threads):
        assert probe.call() == pytest.approx(x.sum(dtype=np.float64), rel=1e-4)


def test_both_stores_take_part_and_small_tensors_try_one_thread():
    large, small = np.zeros(1 << 20, np.float32), np.zeros(9, np.float32)
    for name, kinds in (("read", [None]), ("copy", ["ordinary", "streaming"])):
        assert [probe.stores for probe in probes(name, large, large, large, 2)] == kinds
        assert [probe.stores for probe in probes(name, small, small, small, 2)] == kinds * 2
        assert [probe.stores for probe in probes(name, small, small, small, 1)] == kinds


def test_the_fastest_probe_is_the_limit():
    slow, fast = (Probe("copy", stores, 2, lambda: None) for stores in ("ordinary", "streaming"))
    seconds = np.array([[1.0, 2.0], [3.0, 2.0], [3.0, 2.0]])
    best, times = fastest(seconds, [slow, fast])
    assert best is fast
    assert times.tolist() == [2.0, 2.0, 2.0]


def test_roofline_measures_at_the_size():
    found = roofline(100_000, 1, effort=SHORT)
    assert (found.nbytes, found.threads) == (100_000, 1)
    assert min(found.read, found.copy, found.add) > 1e6
    assert {found.copy_stores, found.add_stores} <= {"ordinary", "streaming"}
    assert str(found).startswith("0.1 MB, 1 threads: read ")
    assert roofline(100_000, effort=SHORT).threads == bnfast.get_num_threads()


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"nbytes": 3}, ValueError, "nbytes must be 4 or more, got 3"),
        ({"nbytes": 400, "threads": 0}, ValueError, "threads must be 1 or more, got 0"),
        ({"nbytes": 1e6}, TypeError, "nbytes must be an integer, got 1000000.0"),
        ({"nbytes": 400, "threads": "2"}, TypeError, "threads must be an integer, got '2'"),
    ],
)
def test_wrong_rooflines_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        roofline(**arguments)


@pytest.mark.parametrize("before", [None, 3])
def test_threads_are_as_before(before):
    default = bnfast.get_num_threads()
    bnfast.set_num_threads(before)
    try:
        with using_threads(5):
            assert bnfast.get_num_threads() == 5
        assert bnfast.get_num_threads() == (before or default)
    finally:
        bnfast.set_num_threads(None)


def test_pytorch_has_as_many_threads_and_no_gradients(torch):
    before = torch.get_num_threads()
    with using_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        assert torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == before


def test_figures_tell_all(measured):
    extra = measured.extra_info()
    assert extra["isa"] == bnfast.isa()
    assert extra["version"] == bnfast.__version__
    assert extra["threads"] == 1
    assert extra["cpu_model"]
    assert extra["tensor_bytes"] == 480
    assert extra["bytes_moved"] == 960
    seconds = np.median(measured.seconds)
    assert extra["gb_per_s"] == pytest.approx(960 / seconds / 1e9)
    assert extra["limit"]["pattern"] == "copy"
    assert extra["floor"]["pattern"] == "add"
    assert extra["share_of_limit"] == extra["limit"]["share"]["ratio"]
    assert extra["limit"]["gb_per_s"] == pytest.approx(
        960 / extra["limit"]["seconds"]["median"] / 1e9
    )
    assert extra["peers"]["NumPy"]["ratio"] > 0
    assert json.loads(json.dumps(extra)) == extra


def test_without_peers():
    found = measure(Case("moments", "NCHW", (2, 3), 1), SHORT, peers=False)
    assert found.peers == {}
    assert found.floor is None
    assert found.limit.pattern == "read"


def test_what_is_saved_is_read_back(measured, tmp_path):
    path = target(tmp_path / "deep" / "saved.json")
    save([measured], path)
    run = load(path)
    assert run.cpu
    case = run.cases[measured.case.name]
    assert case.times.median == np.median(measured.seconds)
    assert case.extra == measured.extra_info()
    (known,) = known_cases(run)
    assert known.label == measured.case.name
    assert known.share == measured.limit.share.value
    assert known.peers["NumPy"] == measured.peers["NumPy"]
    assert measured.case.name in summary(run)


def test_files_are_named_by_the_time(measured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = target()
    save([measured], path)
    assert path.parent.name == ".benchmarks"
    assert load(path).when.date() == datetime.now(timezone.utc).date()


def test_pytest_benchmark_reads_it_too(measured, tmp_path, capsys, monkeypatch):
    cli = pytest.importorskip("pytest_benchmark.cli", reason="pytest-benchmark is not installed")
    path = tmp_path / "0001_saved.json"
    save([measured], path)
    columns = "--columns=min,max,mean,stddev,median,iqr,outliers,ops,rounds,iterations"
    monkeypatch.setattr(sys, "argv", ["pytest-benchmark", "compare", str(path), columns])
    cli.main()
    assert measured.case.name in capsys.readouterr().out


def test_statistics_are_those_of_the_times(measured):
    now = datetime(2026, 7, 1, tzinfo=timezone.utc)
    stats = as_json([measured], now)["benchmarks"][0]["stats"]
    assert stats["rounds"] == len(measured.seconds)
    assert stats["min"] <= stats["q1"] <= stats["median"] <= stats["q3"] <= stats["max"]
    assert stats["mean"] == pytest.approx(measured.seconds.mean())
    assert stats["total"] == pytest.approx(measured.seconds.sum())
