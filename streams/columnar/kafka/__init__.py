"""Kafka as the runtime uses it: whole record batches in, columns out, a lease on partitions."""
