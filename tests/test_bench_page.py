"""The page on saved runs: whole, self-contained, true to the figures."""

import re
from html.parser import HTMLParser

import pytest

import saved_runs
from bnfast.bench import NotSavedError, compare, load, report
from bnfast.bench.known import known_cases
from bnfast.bench.summary import cases_table, means_table, summary
from bnfast.bench.svg import Scale
from saved_runs import benchmark, layer

pytestmark = pytest.mark.once
CASES = [
    layer("training-NCHW-8x4x5x6-2t", 0.8),
    layer("training-NHWC-8x4x5x6-2t", 0.5, peers=("NumPy", "PyTorch")),
    layer("inference-NCHW-8x4x5x6-1t", 0.9, peers=()),
]
VOID = {"meta", "line", "br"}


class Page(HTMLParser):
    """Collects tags and texts, and fails unless tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def write(tmp_path):
    """A function that writes a run of a day and returns its path."""

    def write(day, benchmarks):
        path = tmp_path / f"{day}.json"
        return saved_runs.write(path, saved_runs.run(benchmarks, day=day))

    return write


def test_page_has_all_charts_and_the_table(write, tmp_path):
    output = tmp_path / "page.html"
    text = report([write(2, CASES), write(1, CASES[:2])], output, title="Figures <1>")
    assert output.read_text() == text
    page = Page(text)
    assert page.tags.count("svg") == 3
    assert "Figures <1>" in page.texts
    for said in ("Speed against size", "Ratios to the peers", "History over 2 saved runs"):
        assert said in page.texts
    assert any("training-NHWC-8x4x5x6-2t: 10.0 GB/s, 50% of the limit" in t for t in page.texts)
    assert "01234567 2026-07-02 10:00 · A processor · version 1.2.3 · isa v3" in page.texts


def test_page_needs_nothing_else(write):
    text = report([write(1, CASES)])
    assert {"src", "href", "xlink:href"}.isdisjoint(Page(text).attributes)
    assert not any(word in text for word in ("http:", "https:", "url(", "@import", "<script"))


def test_limit_and_speed_are_drawn_at_their_places(write):
    # Twenty million bytes in 1 ms are 20 GB/s, the limit; bnfast reaches 0.8 of it.
    text = report([write(1, CASES[:1])])
    limit = float(re.search(r'class="line limit" points="[\d.]+,([\d.]+)"', text)[1])
    mark = float(re.search(r'class="mark a" [^>]*cy="([\d.]+)"[^>]*><title>training', text)[1])
    bottom = float(re.search(r'class="axis" x1="\d+\.0" y1="([\d.]+)"', text)[1])
    assert (bottom - mark) / (bottom - limit) == pytest.approx(0.8, abs=0.01)


def test_one_case_alone(write):
    Page(report([write(1, CASES[2:])]))


def test_other_suites_have_history_and_table(write):
    runs = [write(1, [benchmark("test_<b>", 2e-3)]), write(2, [benchmark("test_<b>", 1e-3)])]
    page = Page(report(runs))
    assert page.tags.count("svg") == 1
    assert "Speed against size" not in page.texts
    assert "bench/bench_x.py::test_<b>" in page.texts
    assert "bench/bench_x.py::test_<b>, 01234567 2026-07-02 10:00: 2.00" in page.texts


def test_small_tensors_alone_have_no_speed_chart(write):
    page = Page(report([write(1, [layer(tensor_bytes=256)])]))
    assert "Speed against size" not in page.texts
    assert "Ratios to the peers" in page.texts


FOREIGN = [
    {"threads": "auto"},
    {"threads": float("inf")},
    {"gb_per_s": 0},
    {"gb_per_s": float("nan")},
    {"bytes_moved": -1},
    {"tensor_bytes": 0},
    {"limit": {"gb_per_s": 0, "share": {"ratio": 0.5}}},
    {"limit": {"gb_per_s": 1, "share": {"ratio": 0}, "seconds": {}}},
    {"limit": []},
    {"floor": 3},
    {"peers": []},
    {"peers": {"NumPy": {"ratio": 0, "low": 0, "high": 0}}},
    {"peers": {"NumPy": {"ratio": 2, "low": -1, "high": 3}}},
    {"control": None},
]


@pytest.mark.parametrize("figures", FOREIGN, ids=str)
def test_figures_of_another_meaning_are_those_of_any_suite(figures, write):
    foreign = layer()
    foreign["extra_info"] |= figures
    run = load(write(1, [foreign]))
    assert known_cases(run) == []
    assert "training-NCHW-8x4x5x6-2t" in summary(run)
    assert "Speed against size" not in Page(report([run])).texts
    assert compare(run, run).cases[0].name == "bench/bench_x.py::training-NCHW-8x4x5x6-2t"


def test_an_interval_without_bounds_is_drawn_across(write):
    ratio = {"ratio": 2.0, "low": 0.0, "high": None}
    endless = layer(control=ratio)
    endless["extra_info"]["peers"] = {"NumPy": ratio}
    path = write(1, [endless])
    (known,) = known_cases(load(path))
    assert (known.peers["NumPy"].high, known.steady) == (float("inf"), False)
    page = Page(report([path]))
    assert any("NumPy: training-NCHW-8x4x5x6-2t, 2.000 [0.000, inf]" in t for t in page.texts)


def test_loaded_runs_and_paths_mix(write):
    assert "History over 2 saved runs" in report([load(write(1, CASES)), write(2, CASES)])


@pytest.mark.parametrize("benchmarks", [None, []])
def test_nothing_to_show_is_refused(benchmarks, write):
    saved = [] if benchmarks is None else [write(1, benchmarks)]
    with pytest.raises(NotSavedError, match="expected saved benchmarks, got none"):
        report(saved)


def test_table_tells_the_figures(write):
    table = cases_table(known_cases(load(write(1, CASES))))
    assert table.header[:6] == ["case", "time", "GB/s", "limit", "share", "floor"]
    assert table.header[6:] == ["NumPy", "PyTorch", "control"]
    assert table.rows[1][1:] == ["2 ms", "10.0", "20.0", "0.50", "-", "2.0x", "2.0x", "1.00"]
    assert table.rows[2][-3:] == ["-", "-", "1.00"]


def test_control_that_is_not_steady_is_marked(write):
    shaken = layer(control={"ratio": 1.0, "low": 0.89, "high": 1.01})
    run = load(write(1, [shaken, CASES[1]]))
    assert cases_table(known_cases(run)).rows[0][-1] == "1.00?"
    assert "1 of 2 are not." in summary(run)
    assert "1 of 2 are not." in report([run])
    assert "are not." not in report([write(1, CASES)])


def test_geometric_means_are_of_large_tensors(write):
    cases = [layer(share=0.9), layer("training-NCHW-9x4x5x6-2t", 0.4)]
    small = layer("training-NCHW-1x4x5x6-2t", 0.01, tensor_bytes=100)
    (row,) = means_table(known_cases(load(write(1, [*cases, small])))).rows
    assert row == ["training NCHW, 2 threads", "2", "0.60", "2.0x"]


def test_summary_of_any_suite(write):
    assert "case      median" not in (text := summary(load(write(1, [benchmark("a", 2e-3)]))))
    assert "bench/bench_x.py::a" in text
    assert "2 ms" in text


@pytest.mark.parametrize(
    "low, high, log, expected",
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 216, False, [0, 50, 100, 150, 200]),
        (0.2, 9, True, [0.2, 0.5, 1, 2, 5]),
        (2, 3, True, [2, 3]),
        (1e-3, 1e3, True, [1e-3, 1e-2, 1e-1, 1, 10, 100, 1000]),
    ],
)
def test_ticks_are_round(low, high, log, expected):
    assert Scale(low, high, 0, 1, log).ticks() == pytest.approx(expected)


def test_scales_map_ends_to_ends():
    assert [Scale(1, 100, 10, 20, log=True)(value) for value in (1, 10, 100)] == [10, 15, 20]
    assert Scale(0, 4, 20, 10)(1) == 17.5
