"""Fast, accurate batch normalization for NumPy arrays on any CPU."""

from bnfast._core import (
    Affine,
    affine,
    available_isas,
    batch_norm,
    batch_norm_backward,
    batch_norm_backward_elemt,
    batch_norm_backward_reduce,
    batch_norm_forward,
    empty_cache,
    get_num_threads,
    get_output_cache,
    inference_params,
    isa,
    moments,
    set_num_threads,
    set_output_cache,
    standardize,
    use_isa,
)
from bnfast.c_library import get_cmake_dir, get_include
from bnfast.channel_stats import ChannelStats
from bnfast.config import show_config, show_versions
from bnfast.layer import BatchNorm, Renorm
from bnfast.results import BatchNormForward, BatchNormGradients, Moments

__version__ = "0.1.0"

__all__ = [
    "Affine",
    "BatchNorm",
    "BatchNormForward",
    "BatchNormGradients",
    "ChannelStats",
    "Moments",
    "Renorm",
    "__version__",
    "affine",
    "available_isas",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_backward_elemt",
    "batch_norm_backward_reduce",
    "batch_norm_forward",
    "empty_cache",
    "get_cmake_dir",
    "get_include",
    "get_num_threads",
    "get_output_cache",
    "inference_params",
    "isa",
    "moments",
    "set_num_threads",
    "set_output_cache",
    "show_config",
    "show_versions",
    "standardize",
    "use_isa",
]
