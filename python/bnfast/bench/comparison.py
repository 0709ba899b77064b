"""The outcome of a comparison: a verdict for each case, and one on all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnfast.bench.ratio import Ratio
from bnfast.bench.verdict import Judgement, Verdict, overall
from bnfast.demo.tables import table


@dataclass(frozen=True)
class ComparedCase:
    """A case's time over that of before, its control, and what follows; None: not measured."""

    name: str
    ratio: Ratio | None
    control: Ratio | None
    judgement: Judgement

    def figures(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "name": self.name,
            "ratio": self.ratio and self.ratio.figures(),
            "control": self.control and self.control.figures(),
            "verdict": self.judgement.verdict.value,
            "reason": self.judgement.reason,
        }

    def row(self) -> list[str]:
        """Return it as a line of the table."""
        ratios = ("-" if ratio is None else str(ratio) for ratio in (self.ratio, self.control))
        return [self.name, *ratios, self.judgement.verdict.value]


@dataclass(frozen=True)
class Comparison:
    """All cases of a comparison.

    Attributes
    ----------
    old, new : str
        What was compared.
    cases : sequence of ComparedCase
        Those that both have.
    missing : sequence of str
        Names of cases that the old one alone has.
    added : sequence of str
        Names of cases that the new one alone has.
    """

    old: str
    new: str
    cases: Sequence[ComparedCase]
    missing: Sequence[str] = ()
    added: Sequence[str] = ()

    @property
    def verdict(self) -> Verdict:
        """Regression if any case is one, else unclear if any is, or is missing, else ok.

        Unclear if there is none.
        """
        found = [case.judgement.verdict for case in self.cases]
        return overall([*found, *(Verdict.UNCLEAR for _ in self.missing)])

    def text(self) -> str:
        """Return a table, the reasons of what is not ok, and the verdict."""
        header = ("case", "new/old time", "control", "verdict")
        lines = [f"old: {self.old}", f"new: {self.new}", ""]
        lines += [table(header, [case.row() for case in self.cases]), ""]
        lines += [
            f"{case.name}: {case.judgement}"
            for case in self.cases
            if case.judgement.verdict is not Verdict.OK
        ]
        lines += [f"{name}: unclear: not in the new one" for name in self.missing]
        lines += [f"{name}: not in the old one" for name in self.added]
        return "\n".join([*lines, f"verdict: {self.verdict.value}"])

    def figures(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "old": self.old,
            "new": self.new,
            "verdict": self.verdict.value,
            "cases": [case.figures() for case in self.cases],
            "missing": list(self.missing),
            "added": list(self.added),
        }
