"""Axes and marks in SVG: just what the page's charts need."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True)
class Scale:
    """A map from values to places: linear, or logarithmic to base 10."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        low, high, at = (self._even(v) for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def _even(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def ticks(self, most: int = 7) -> list[float]:
        """Return round values within, `most` of them or fewer.

        Examples
        --------
        >>> from bnfast.bench.svg import Scale
        >>> Scale(0, 60, 0, 1).ticks()
        [0, 20, 40, 60]
        >>> Scale(0.5, 300, 0, 1, log=True).ticks()
        [1.0, 3.0, 10.0, 30.0, 100.0, 300.0]
        """
        if self.log:
            return self._log_ticks(most)
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [step * k for k in range(first, last + 1)]

    def _log_ticks(self, most: int) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        ticks: list[float] = []
        for factors in (range(1, 10), (1, 2, 5), (1, 3), (1,)):
            ticks = [factor * 10.0**k for k in decades for factor in factors]
            ticks = [tick for tick in ticks if self.low <= tick <= self.high]
            if len(ticks) <= most:
                break
        return ticks


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    rounded = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
    return int(rounded) if rounded >= 1 else rounded


@dataclass
class Drawing:
    """SVG elements, and the size of the picture."""

    width: float
    height: float
    elements: list[str] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a straight line."""
        self.elements.append(
            f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
        )

    def path(self, points: Iterable[tuple[float, float]], kind: str, title: str = "") -> None:
        """Draw a line through points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(
            f'<polyline class="{kind}" points="{places}">{_title(title)}</polyline>'
        )

    def mark(self, x: float, y: float, kind: str, title: str = "", size: float = 4) -> None:
        """Draw a circle, which tells its title when pointed at."""
        self.elements.append(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size:g}">'
            f"{_title(title)}</circle>"
        )

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """Write text."""
        self.elements.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """Write (class, name) entries in a row, each with its mark."""
        for kind, name in entries:
            if "line" in kind.split():
                self.line(x - 6, y - 4, x + 8, y - 4, kind)
            else:
                self.mark(x, y - 4, kind)
            self.text(x + 11, y, name)
            x += 36 + 6.4 * len(name)

    def svg(self, label: str) -> str:
        """Return the picture; `label` is read out to those who do not see it."""
        size = f'viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}"'
        return "\n".join(
            [f'<svg {size} role="img" aria-label="{escape(label)}">', *self.elements, "</svg>"]
        )


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


@dataclass(frozen=True)
class Panel:
    """A rectangle with axes: scales, gridlines, labels."""

    x: Scale
    y: Scale

    def draw(
        self,
        drawing: Drawing,
        title: str,
        *,
        x_texts: Sequence[tuple[float, str]],
        y_texts: Sequence[tuple[float, str]],
    ) -> None:
        """Draw the grid, a text at each of these values, and the title above."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        for value, text in y_texts:
            drawing.line(left, self.y(value), right, self.y(value), "grid")
            drawing.text(left - 6, self.y(value) + 4, text, "tick", "end")
        for value, text in x_texts:
            drawing.line(self.x(value), bottom, self.x(value), bottom + 4, "axis")
            drawing.text(self.x(value), bottom + 17, text, "tick", "middle")
        drawing.line(left, bottom, right, bottom, "axis")
        drawing.text(left, top - 8, title, "title")


def number_text(value: float) -> str:
    """Return a tick's number, short."""
    return f"{value:g}"
