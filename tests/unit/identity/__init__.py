"""Tests of accounts without servers."""
