"""Workers killed while they make jobs: each ends once, and no attempt is asked for twice."""
