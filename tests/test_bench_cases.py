"""The cases of the benchmarks: the networks' shapes, names and sizes."""

from collections import Counter

import pytest

from bnfast.bench import shapes
from bnfast.bench.cases import (
    Case,
    layer_cases,
    network_cases,
    sensitive_cases,
    typical_cases,
)
from bnfast.bench.operations import FLOORS, TRAFFIC

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "network, layers, running_statistics",
    # As Keras counts non-trainable parameters: a mean and a variance for each channel.
    [
        (shapes.resnet50, 53, 53_120),
        (shapes.mobilenet_v2, 52, 34_112),
        (shapes.densenet121, 121, 83_648),
    ],
)
def test_networks_have_their_known_channels(network, layers, running_statistics):
    found = network()
    assert len(found) == layers
    assert 2 * sum(channels for channels, _, _ in found) == running_statistics


@pytest.mark.parametrize(
    "network, sides",
    [
        (shapes.resnet50, {112: 1, 56: 11, 28: 13, 14: 19, 7: 9}),
        (shapes.mobilenet_v2, {112: 4, 56: 6, 28: 9, 14: 21, 7: 12}),
        (shapes.densenet121, {112: 1, 56: 13, 28: 25, 14: 49, 7: 33}),
    ],
)
def test_networks_have_their_known_sizes(network, sides):
    found = network()
    assert all(height == width for _, height, width in found)
    assert Counter(height for _, height, _ in found) == sides


def test_sizes_follow_the_image():
    assert shapes.resnet50(256)[0] == (64, 128, 128)
    assert shapes.resnet50(225)[0] == (64, 113, 113)
    assert shapes.densenet121(256)[-1] == (1024, 8, 8)
    assert shapes.mobilenet_v2(96)[-1] == (1280, 3, 3)


def test_resnet_has_these_shapes():
    assert set(shapes.unique_shapes("resnet50")) == {
        *((64, 112, 112), (64, 56, 56), (256, 56, 56), (128, 56, 56), (128, 28, 28), (512, 28, 28)),
        *((256, 28, 28), (256, 14, 14), (1024, 14, 14), (512, 14, 14), (512, 7, 7), (2048, 7, 7)),
    }


def test_names_are_unique():
    cases = typical_cases(2)
    assert len({case.name for case in cases}) == len(cases)
    assert set(sensitive_cases(2)[:16]) == set(
        layer_cases([(32, 256, 14, 14), (8, 64, 56, 56)], [2])
    )


def test_default_selection_has_everything_and_is_small():
    cases = typical_cases(2)
    assert {case.operation for case in cases} == set(TRAFFIC)
    assert {case.layout for case in cases} == {"NCHW", "NHWC"}
    assert {case.threads for case in cases} == {1, 2}
    assert max(case.tensor_bytes for case in cases) < 30e6
    assert {case.threads for case in typical_cases(1)} == {1}


def test_tables_have_one_layout():
    assert [case.layout for case in layer_cases([(7, 10)], [1], ["training"])] == ["NCHW"]


@pytest.mark.parametrize("shape", [(1, 64), (1, 3, 1, 1)])
def test_one_value_per_channel_is_not_trained(shape):
    found = {case.operation for case in layer_cases([shape], [1])}
    assert found == {"inference", "backward", "moments"}


def test_bytes():
    case = Case("backward", "NHWC", (2, 3, 4, 5), 1)
    assert case.tensor_bytes == 2 * 3 * 4 * 5 * 4
    assert case.bytes_moved == 3 * case.tensor_bytes
    assert FLOORS["backward", "NHWC"].tensors == 5


@pytest.mark.parametrize(
    "wrong, message",
    [
        (("train", "NCHW", (1, 2), 1), "operation must be one of .*got 'train'"),
        (("training", "NCWH", (1, 2), 1), "layout must be one of .*got 'NCWH'"),
        (("training", "NCHW", (1,), 1), r"shape must be N, C and more.*got \(1,\)"),
        (("training", "NCHW", (1, 0), 1), "shape must be"),
        (("training", "NCHW", (1, 2), 0), "threads must be 1 or more, got 0"),
        (("training", "NCHW", (1, 2, 1), 1), r"several values .*got shape \(1, 2, 1\)"),
    ],
)
def test_wrong_cases_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Case(*wrong)


def test_unknown_networks_are_refused():
    with pytest.raises(ValueError, match=r"networks must be among .*got 'vgg'"):
        network_cases(["resnet50", "vgg"], 1, [1])
