"""Builders of moments: out of tables of videos and observations, as of any instant."""
