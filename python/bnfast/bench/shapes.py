"""The shapes of the batch norms in ResNet-50, MobileNetV2 and DenseNet-121, from their designs."""

from collections.abc import Callable, Iterator

Shape = tuple[int, int, int]

_IMAGE = 224


def resnet50(image: int = _IMAGE) -> list[Shape]:
    """Return (C, H, W) of each batch norm of ResNet-50 (He et al., 2015), in order.

    The stride of a stage is in the 3x3 convolution of its first block, as torchvision has it.

    Parameters
    ----------
    image : int, default 224
        Height and width of the input.

    Returns
    -------
    list of tuple of int
        53 shapes.

    Examples
    --------
    >>> from bnfast.bench.shapes import resnet50
    >>> len(resnet50()), resnet50()[0], resnet50()[-1]
    (53, (64, 112, 112), (2048, 7, 7))
    """
    return list(_resnet50(image))


def _resnet50(image: int) -> Iterator[Shape]:
    side = _halved(image)
    yield 64, side, side
    side = _halved(side)  # the pooling
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            before = side
            side = _halved(side) if stage and not block else side
            yield width, before, before
            yield width, side, side
            yield 4 * width, side, side
            if not block:  # the shortcut's
                yield 4 * width, side, side


def mobilenet_v2(image: int = _IMAGE) -> list[Shape]:
    """Return (C, H, W) of each batch norm of MobileNetV2 (Sandler et al., 2018), in order.

    Parameters
    ----------
    image : int, default 224
        Height and width of the input.

    Returns
    -------
    list of tuple of int
        52 shapes.

    Examples
    --------
    >>> from bnfast.bench.shapes import mobilenet_v2
    >>> len(mobilenet_v2()), mobilenet_v2()[0], mobilenet_v2()[-1]
    (52, (32, 112, 112), (1280, 7, 7))
    """
    return list(_mobilenet_v2(image))


# Table 2 of the paper: expansion t, output channels c, repetitions n, stride of the first s.
_INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _mobilenet_v2(image: int) -> Iterator[Shape]:
    channels, side = 32, _halved(image)
    yield channels, side, side
    for expansion, out_channels, repetitions, stride in _INVERTED_RESIDUALS:
        for repetition in range(repetitions):
            hidden = expansion * channels
            if expansion > 1:
                yield hidden, side, side
            side = _halved(side) if stride == 2 and not repetition else side
            yield hidden, side, side
            yield out_channels, side, side
            channels = out_channels
    yield 1280, side, side


def densenet121(image: int = _IMAGE) -> list[Shape]:
    """Return (C, H, W) of each batch norm of DenseNet-121 (Huang et al., 2016), in order.

    Parameters
    ----------
    image : int, default 224
        Height and width of the input.

    Returns
    -------
    list of tuple of int
        121 shapes: one for each convolution but the first, the first's own, and the last.

    Examples
    --------
    >>> from bnfast.bench.shapes import densenet121
    >>> len(densenet121()), densenet121()[1], densenet121()[-1]
    (121, (64, 56, 56), (1024, 7, 7))
    """
    return list(_densenet121(image))


def _densenet121(image: int) -> Iterator[Shape]:
    growth, bottleneck, blocks = 32, 128, (6, 12, 24, 16)
    channels, side = 64, _halved(image)
    yield channels, side, side
    side = _halved(side)  # the pooling
    for block, layers in enumerate(blocks):
        for _ in range(layers):
            yield channels, side, side
            yield bottleneck, side, side
            channels += growth
        yield channels, side, side  # the transition's, or the network's last
        if block + 1 < len(blocks):
            channels, side = channels // 2, _halved(side)


def _halved(side: int) -> int:
    """Return the size after a stride of 2 with the usual padding."""
    return (side + 1) // 2


NETWORKS: dict[str, Callable[[], list[Shape]]] = {
    "resnet50": resnet50,
    "mobilenet_v2": mobilenet_v2,
    "densenet121": densenet121,
}


def unique_shapes(network: str) -> list[Shape]:
    """Return the different shapes of a network, the first first.

    Examples
    --------
    >>> from bnfast.bench.shapes import unique_shapes
    >>> unique_shapes("resnet50")[:3]
    [(64, 112, 112), (64, 56, 56), (256, 56, 56)]
    """
    return list(dict.fromkeys(NETWORKS[network]()))
