"""Real servers for one machine: Kafka, a schema registry, PostgreSQL and Redis, on loopback."""
