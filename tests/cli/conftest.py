"""The command line for every test of it."""

from cli.running import proclaim

__all__ = ["proclaim"]
