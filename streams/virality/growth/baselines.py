"""What others do with the same days, to be seen beside every figure of ours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.virality.growth.curves import Curves

Floats = npt.NDArray[np.float64]

_RECENT = 7  # days that go on


def constant_scaling(train: Curves, test: Curves, observed: int, predicted: int) -> Floats:
    """Views so far times one number, the one of least squared relative error.

    Source:
        Szabo, Huberman: Predicting the popularity of online content, CACM 2010.
    """
    ratio = train.views_by(observed) / train.views_by(predicted)
    return test.views_by(observed) * float(ratio.sum() / (ratio @ ratio))


def multivariate_linear(train: Curves, test: Curves, observed: int, predicted: int) -> Floats:
    """A weight for each day's views, by least squares of the relative error.

    Source:
        Pinto, Almeida, Goncalves: Using early view patterns to predict the popularity of YouTube
        videos, WSDM 2013.
    """
    relative = train.daily[:, :observed] / train.views_by(predicted)[:, None]
    weights = np.linalg.lstsq(relative, np.ones(len(train)), rcond=None)[0]
    found: Floats = test.daily[:, :observed] @ weights
    return found


def persistence(test: Curves, observed: int, predicted: int) -> Floats:
    """Every later day has the mean views of the last seven days observed, or of all where fewer."""
    recent = min(observed, _RECENT)
    a_day = test.views_between(observed - recent + 1, observed) / recent
    return test.views_by(observed) + a_day * (predicted - observed)
