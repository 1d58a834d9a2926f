"""A thin query API over the projections."""
