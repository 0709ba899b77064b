"""What images are normalized with elsewhere: the best way that each library has."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnfast import _core
from bnfast.preprocess import IMAGENET_MEAN, IMAGENET_STD

MEAN, STD = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_STD, np.float32)


@dataclass(frozen=True)
class Peer:
    """A call, and how to see its answer in CHW."""

    call: Callable[[], object]
    planes: Callable[[object], np.ndarray] = np.asarray


def pytorch(img, threads):
    import torch

    torch.set_num_threads(threads)
    planes = torch.from_numpy(img).permute(2, 0, 1)
    out = torch.empty(planes.shape)
    scale, shift = (torch.from_numpy(v).view(3, 1, 1) for v in (1 / (255 * STD), -MEAN / STD))
    # The fastest of six expressions that were tried: the conversion fused with nothing.
    return Peer(lambda: out.copy_(planes).mul_(scale).add_(shift), lambda y: y.numpy())


def albucore(img, threads):
    import albucore
    import cv2

    cv2.setNumThreads(threads)
    shift, factor = MEAN * 255, 1 / (STD * 255)
    return Peer(lambda: albucore.normalize(img, shift, factor), lambda y: y.transpose(2, 0, 1))


def opencv(img, threads):
    import cv2

    cv2.setNumThreads(threads)
    shift, factor = (MEAN * 255).tolist(), (1 / (STD * 255)).reshape(1, 3, 1, 1)

    def call():
        blob = cv2.dnn.blobFromImage(img, 1.0, None, shift)
        return np.multiply(blob, factor, out=blob)

    return Peer(call, lambda y: y[0])


PEERS = {"PyTorch": pytorch, "albucore": albucore, "OpenCV": opencv}


def copies(nbytes, threads):
    """Return calls that copy half as many bytes, which moves as many, with two kinds of stores."""
    x = np.ones(nbytes // 8, np.float32)
    out = np.empty_like(x)
    return {
        "copy": lambda: _core.probe_copy(x, out, False, threads),
        "copy, streaming": lambda: _core.probe_copy(x, out, True, threads),
    }
