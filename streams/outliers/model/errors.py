"""What can be wrong with curves, and with what they are learned from or measured on."""


class GrowthError(ValueError):
    """Growth curves or priors cannot be used; the message says why."""


class TooLittleDataError(Exception):
    """Curves cannot be learned from so little; the message says how much would do."""


class EvaluationError(Exception):
    """An evaluation cannot be made; the message says of what, why, and what was expected."""
