"""What agents look up beside their own input: whole topics, followed in a thread.

It is reference data: rendered and emitted figures may depend on it, state may not.
"""
