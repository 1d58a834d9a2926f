"""Forecasts of observed videos: snapshots folded into what is known of channels, and a model on it.

[`ForecastFold`][streams.virality.forecasts.fold.ForecastFold] keeps, per channel, what moments are
made of. docs/virality.md says what a forecast looks at.
"""
