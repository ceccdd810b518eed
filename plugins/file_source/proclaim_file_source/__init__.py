"""Reads manifests from files and directories, and watches them."""
