"""What can be wrong with curves and with what they are learned from."""


class GrowthError(ValueError):
    """Growth curves or priors cannot be used; the message says why."""
