"""Models out of videos and their counts: examples, fits, measures, cards."""
