"""Forecasts and actuals under faults: every count remembered, every prediction answered, once."""
