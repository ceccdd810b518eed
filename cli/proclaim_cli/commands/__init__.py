"""One module for each command, each with a function `command` that returns the exit status."""
