"""The projections there are, by name."""

from __future__ import annotations

from projections.analyses import ANALYSES
from projections.channels import CHANNELS
from projections.forecasts import FORECASTS
from projections.jobs import JOBS
from projections.niches import NICHES
from projections.outliers import OUTLIERS
from projections.predictions import PREDICTIONS
from projections.projection import Projection
from projections.providers import PROVIDERS
from projections.shifts import SHIFTS
from projections.users import USERS
from projections.videos import VIDEOS
from projections.virality import VIRALITY

PROJECTIONS: dict[str, Projection] = {
    projection.name: projection
    for projection in (
        VIDEOS,
        VIRALITY,
        CHANNELS,
        OUTLIERS,
        SHIFTS,
        NICHES,
        JOBS,
        PROVIDERS,
        PREDICTIONS,
        FORECASTS,
        ANALYSES,
        USERS,
    )
}
