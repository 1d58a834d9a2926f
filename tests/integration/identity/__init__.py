"""Tests of accounts against PostgreSQL and Kafka."""
