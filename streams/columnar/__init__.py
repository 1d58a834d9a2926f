"""Faust agents at columnar speed. Knows nothing of videos."""
