"""Niches: topics in which several independent channels have outliers at about the same time.

docs/niches.md has the definition. [`Niches`][streams.outliers.niches.life.Niches] follows them as
detections come; `process` reads and writes the log.
"""
