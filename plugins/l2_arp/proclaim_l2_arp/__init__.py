"""Announces addresses on the local network by answering ARP and Neighbor Discovery."""
