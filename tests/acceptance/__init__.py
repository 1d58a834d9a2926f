"""What a user can see from outside, on real servers and real data."""
