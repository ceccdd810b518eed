"""Times that the tests measured, for the summary at the end of the run."""

import time

from netlab.waiting import eventually

times = []
"""(test, what, seconds)"""


class Stopwatch:
    """Waits for things to come true after an event, and notes how long each took."""

    def __init__(self, test):
        self._test = test
        self.started = 0.0

    def start(self):
        """The event is now; returns it on `time.monotonic()`."""
        self.started = time.monotonic()
        return self.started

    def lap(self, what, check, within):
        """Wait until `check` is true, at most `within` seconds after the event."""
        passed = time.monotonic() - self.started
        self.note(what, passed + eventually(what, check, within - passed))

    def note(self, what, seconds):
        """Note a time that was measured elsewhere."""
        times.append((self._test, what, seconds))
