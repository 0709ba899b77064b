"""From images as cameras and decoders give them to arrays as networks want them, and back.

One formula, ``y = (x*scale - mean)/std`` per channel, with the layout and the type changed on the
way: one read of the image, one write of the result.
"""

from bnfast.preprocess.constants import (
    CLIP_MEAN,
    CLIP_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    INCEPTION_MEAN,
    INCEPTION_STD,
)
from bnfast.preprocess.functions import denormalize, normalize, to_batch
from bnfast.preprocess.normalizer import Normalizer

__all__ = [
    "CLIP_MEAN",
    "CLIP_STD",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "INCEPTION_MEAN",
    "INCEPTION_STD",
    "Normalizer",
    "denormalize",
    "normalize",
    "to_batch",
]
