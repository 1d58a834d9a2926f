"""Faults on purpose: workers, projectors and servers killed, stopped and brought back; a recount.

`python -m tests.chaos` (`make chaos`) does it for minutes with servers of its own. The integration
tests of the columnar runtime use the same worker, broker and independent fold for one fault each.
"""
