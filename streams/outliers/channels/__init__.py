"""Shifts of whole channels: their views a day, followed by a two-sided CUSUM.

[`ChannelShiftFold`][streams.outliers.channels.fold.ChannelShiftFold] folds channel snapshots.
"""
