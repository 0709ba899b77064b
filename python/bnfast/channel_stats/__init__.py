"""Statistics of data that comes in parts."""

from bnfast.channel_stats.stats import ChannelStats

__all__ = ["ChannelStats"]
