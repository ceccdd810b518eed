"""Keeps up with a cluster, and makes of its objects what the ledger is told."""
