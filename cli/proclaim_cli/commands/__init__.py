"""One module for each command, each with a `command` whose function returns the exit status."""
