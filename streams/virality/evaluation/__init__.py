"""How good the models are, on data that they did not learn from, beside baselines."""
