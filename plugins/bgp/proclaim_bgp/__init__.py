"""Announces addresses by BGP, with a speaker of its own."""
