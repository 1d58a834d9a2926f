"""What is usual for a channel: growth with age, priors, and the posterior of its next video."""
