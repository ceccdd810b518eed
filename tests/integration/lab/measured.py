"""Times that the tests measured, for the summary at the end of the run."""

from netlab.waiting import eventually

times = []
"""(test, what, seconds)"""


class Stopwatch:
    """Waits for things and notes how long each took."""

    def __init__(self, test):
        self._test = test

    def wait(self, what, check, within):
        """Wait as `eventually` does, note the seconds, and return them."""
        return self.note(what, eventually(what, check, within))

    def note(self, what, seconds):
        """Note a time that was measured elsewhere."""
        times.append((self._test, what, seconds))
        return seconds
