"""Outliers: videos far above what is usual for their own channel, at the same age and format.

[`OutlierFold`][streams.outliers.fold.OutlierFold] folds video snapshots into what is usual per
channel and tells which snapshots stand out. docs/outliers.md has the definition and its sources.
"""
