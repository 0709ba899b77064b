"""The main job on real data: normalize, check, compare, time and draw.

Needs the packages of the extra ``bnfast[demo]``; importing this module needs none of them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from bnfast.demo.data import (
    digit_datasets,
    housing_features,
    load_digits,
    load_photographs,
    photograph_datasets,
    require_extra,
)
from bnfast.demo.features import standardize_features
from bnfast.demo.learning import compare_learning
from bnfast.demo.normalization import normalize_dataset
from bnfast.demo.picture import Pictured, draw
from bnfast.demo.report import Part, Report
from bnfast.demo.timing import measure_times

AnyPart = TypeVar("AnyPart", bound=Part)

__all__ = ["Part", "Report", "require_extra", "run"]


def run(
    output: Path,
    *,
    times: bool = True,
    progress: Callable[[str], None] = lambda step: None,
    show: Callable[[Part], None] = lambda part: None,
) -> Report:
    """Do the main job and draw it.

    Parameters
    ----------
    output : Path
        The PNG to write.
    times : bool, default True
        Whether to measure times too.
    progress : callable
        Called with the name of each step as it begins.
    show : callable
        Called with each part as soon as it is done.

    Returns
    -------
    Report
        The parts with their figures and checks.

    Raises
    ------
    ImportError
        If a package of the extra is missing; the message names the extra.
    OSError
        If the picture cannot be written.
    """
    require_extra()
    parts: list[Part] = []

    def done(part: AnyPart) -> AnyPart:
        parts.append(part)
        show(part)
        return part

    photographs = load_photographs()
    images, labels = load_digits()
    normalized = []
    for dataset in (*photograph_datasets(photographs), *digit_datasets(images)):
        progress(dataset.name)
        normalized.append(done(normalize_dataset(dataset)))
    progress("features")
    features = done(standardize_features(housing_features(np.random.default_rng(5))))
    learning = done(compare_learning(images, labels, progress))
    measured = done(measure_times(progress)) if times else None
    progress("picture")
    _, photographs_nhwc, _, digits = normalized
    draw(
        output,
        Pictured(photographs, photographs_nhwc, digits, labels, features, learning, measured),
    )
    return Report(parts, output)
