"""Outlier analyses: a run in five steps, told by its own story so that it can go on anywhere."""
