"""Finds out which fellow nodes still live, by small datagrams that they send each other."""
