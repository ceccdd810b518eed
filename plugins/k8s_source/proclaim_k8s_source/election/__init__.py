"""Lets one controller of several allocate: whoever holds a Lease."""
