"""Batch against running statistics over time, per layer and channel, and flags for what is wrong.

After each training step `Monitor.record` takes O(C) numbers per layer that the layer has computed
already; no activation is read again. Plots need the extra: ``pip install 'bnfast[plots]'``.
"""

from bnfast.monitor.flags import KINDS, Flag
from bnfast.monitor.history import History
from bnfast.monitor.live import Monitor
from bnfast.monitor.report import Report
from bnfast.monitor.thresholds import Thresholds

__all__ = ["KINDS", "Flag", "History", "Monitor", "Report", "Thresholds"]
