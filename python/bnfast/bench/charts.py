"""The page's charts: speed against size, ratios to the peers, and the history."""

import math
from collections.abc import Sequence

from bnfast.bench.known import KnownCase, grouped, known_case, peer_names, threads_text
from bnfast.bench.saved import SavedRun
from bnfast.bench.svg import Drawing, Panel, Scale, number_text

WIDTH = 1040.0
LEAST_BYTES = 64_000
_COLUMNS = 2
_GAP, _LEFT = 64.0, 52.0
_PANEL_HEIGHT = 190.0
_PANEL_WIDTH = (WIDTH - _LEFT - _GAP) / _COLUMNS - 20
_LAYOUTS = {"NCHW": "a", "NHWC": "b"}
_PEER_KINDS = "cdefgh"


def speed_chart(cases: Sequence[KnownCase]) -> str:
    """Return GB/s against the tensor's size, with the limit drawn in; a panel an operation.

    Smaller tensors than `LEAST_BYTES`, whose time is that of a call, are left out; so are panels of
    a single size beside those of several.
    """
    cases = [case for case in cases if case.tensor_bytes >= LEAST_BYTES]
    panels = grouped(cases, lambda case: f"{case.operation}, {threads_text(case.threads)}: GB/s")
    several = {
        title: group
        for title, group in panels.items()
        if len({case.tensor_bytes for case in group}) > 1
    }
    panels = several or panels
    drawing, places = _grid(len(panels))
    sizes = [case.tensor_bytes / 1e6 for case in cases]
    top = 1.08 * max(max(case.speed, case.limit) for case in cases)
    for (title, group), (left, bottom) in zip(panels.items(), places, strict=True):
        x = Scale(min(sizes) / 1.5, max(sizes) * 1.5, left, left + _PANEL_WIDTH, log=True)
        y = Scale(0, top, bottom, bottom - _PANEL_HEIGHT)
        panel = Panel(x, y)
        panel.draw(
            drawing,
            title,
            x_texts=[(tick, _size_text(tick)) for tick in x.ticks()],
            y_texts=[(tick, number_text(tick)) for tick in y.ticks()],
        )
        _draw_speeds(drawing, panel, group)
    kinds = [(f"mark {kind}", f"bnfast {layout}") for layout, kind in _LAYOUTS.items()]
    legend = [("line limit", "limit: the memory's own speed"), *kinds, ("mark peer", "best peer")]
    drawing.legend(_LEFT, 18, legend)
    return drawing.svg("GB/s against tensor size")


def _draw_speeds(drawing: Drawing, panel: Panel, cases: Sequence[KnownCase]) -> None:
    limits: dict[float, float] = {}
    for case in cases:
        size = case.tensor_bytes / 1e6
        limits[size] = max(case.limit, limits.get(size, 0.0))
    points = [(panel.x(size), panel.y(limit)) for size, limit in sorted(limits.items())]
    drawing.path(points, "line limit")
    for x, y in points:
        drawing.line(x - 5, y, x + 5, y, "line limit")
    for case in cases:
        x = panel.x(case.tensor_bytes / 1e6)
        if case.peers:
            name, ratio = min(case.peers.items(), key=lambda peer: peer[1].value)
            speed = case.speed / ratio.value
            drawing.mark(
                x, panel.y(speed), "mark peer", f"{name}: {case.label}, {speed:.1f} GB/s", 3
            )
        title = f"{case.label}: {case.speed:.1f} GB/s, {case.share:.0%} of the limit"
        drawing.mark(x, panel.y(case.speed), f"mark {_LAYOUTS.get(case.layout, 'c')}", title)


def ratio_chart(cases: Sequence[KnownCase]) -> str:
    """Return how many times as long as bnfast each peer takes; a row a case."""
    cases = [case for case in cases if case.peers]
    peers = peer_names(cases)
    kinds = {name: f"mark {_PEER_KINDS[k % len(_PEER_KINDS)]}" for k, name in enumerate(peers)}
    groups = grouped(cases, lambda case: case.group)
    height = 70.0 + 17 * len(cases) + 30 * len(groups)
    drawing = Drawing(WIDTH, height)
    ratios = [ratio for case in cases for ratio in case.peers.values()]
    values = [x for r in ratios for x in (r.low, r.value, r.high) if 0 < x < math.inf]
    x = Scale(min(0.7, *values) / 1.1, max(3.0, *values) * 1.1, 270, WIDTH - 20, log=True)
    _draw_ratio_axis(drawing, x, height - 30)
    drawing.legend(280, 18, [(kinds[name], name) for name in peers])
    y = 44.0
    for title, group in groups.items():
        drawing.text(8, y + 14, title, "title")
        y += 30
        for case in group:
            _draw_ratios(drawing, x, y, case, kinds)
            y += 17
    return drawing.svg("time of each peer over that of bnfast")


def _draw_ratio_axis(drawing: Drawing, x: Scale, bottom: float) -> None:
    for tick in x.ticks(most=10):
        drawing.line(x(tick), 34, x(tick), bottom, "grid")
        drawing.text(x(tick), bottom + 17, f"{tick:g}x", "tick", "middle")
    drawing.line(x(1), 34, x(1), bottom, "one")


def _draw_ratios(
    drawing: Drawing, x: Scale, y: float, case: KnownCase, kinds: dict[str, str]
) -> None:
    drawing.text(258, y + 4, case.shape, "tick", "end")
    drawing.line(270, y, WIDTH - 20, y, "row")
    for name, ratio in case.peers.items():
        low, high = max(ratio.low, x.low), min(ratio.high, x.high)  # drawn as far as it goes
        drawing.line(x(low), y, x(high), y, kinds[name].replace("mark", "line"))
        drawing.mark(x(ratio.value), y, kinds[name], f"{name}: {case.label}, {ratio}")


def history_chart(runs: Sequence[SavedRun]) -> str:
    """Return each case's share of the limit, run after run.

    The share, not the time: its two times were measured side by side. Cases without a limit show
    the time of the oldest run over theirs.
    """
    lines = _histories(runs)
    drawing, places = _grid(len(lines))
    for (title, cases), (left, bottom) in zip(lines.items(), places, strict=True):
        top = 1.05 * max(1.0, *(value for line in cases.values() for _, value in line))
        x = Scale(0, max(len(runs) - 1, 1), left + 8, left + _PANEL_WIDTH - 8)
        y = Scale(0, top, bottom, bottom - _PANEL_HEIGHT)
        chosen = {0, len(runs) - 1}
        Panel(x, y).draw(
            drawing,
            title,
            x_texts=[(k, f"{run.when:%Y-%m-%d}") for k, run in enumerate(runs) if k in chosen],
            y_texts=[(tick, number_text(tick)) for tick in y.ticks()],
        )
        for name, line in cases.items():
            kind = next((kind for layout, kind in _LAYOUTS.items() if layout in name), "c")
            points = [(x(place), y(value)) for place, value in line]
            drawing.path(points, f"line {kind}", name)
            for (place, value), point in zip(line, points, strict=True):
                title = f"{name}, {runs[place].label}: {value:.2f}"
                drawing.mark(*point, f"mark {kind}", title, 2.5)
    drawing.legend(_LEFT, 18, [(f"mark {kind}", layout) for layout, kind in _LAYOUTS.items()])
    return drawing.svg("history over the saved runs")


def _histories(runs: Sequence[SavedRun]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Return lines of (run, value) by case, by panel."""
    panels: dict[str, dict[str, list[tuple[int, float]]]] = {}
    first: dict[str, float] = {}
    for place, run in enumerate(runs):
        for name, case in run.cases.items():
            known = known_case(case)
            panel = f"{known.operation}: share of the limit" if known else "oldest time / time"
            oldest = first.setdefault(name, case.times.median)
            value = known.share if known else oldest / case.times.median
            panels.setdefault(panel, {}).setdefault(name, []).append((place, value))
    return panels


def _grid(count: int) -> tuple[Drawing, list[tuple[float, float]]]:
    """Return a drawing with room for panels, and the lower left corner of each."""
    rows, height = -(-count // _COLUMNS), _PANEL_HEIGHT + 66
    places = [
        (_LEFT + k % _COLUMNS * (_PANEL_WIDTH + _GAP), 28 + (k // _COLUMNS + 1) * height - 30)
        for k in range(count)
    ]
    return Drawing(WIDTH, 28 + rows * height), places


def _size_text(megabytes: float) -> str:
    return f"{megabytes:g} MB" if megabytes >= 1 else f"{megabytes * 1000:g} kB"
