"""The parts of the detector's fold: memory, history, verdicts, shifts, and the events of them."""
