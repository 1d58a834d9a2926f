"""Attempts at jobs: one worker's process and what keeps it honest."""
