"""The reporter `metrics`: counts, measures and asks while it serves what it finds."""

from __future__ import annotations

import trio
from proclaim import Host, Observe
from proclaim.reporting import View

from proclaim_metrics.application import Application, health, metrics
from proclaim_metrics.counting import Tally
from proclaim_metrics.exposition import Exposition
from proclaim_metrics.following import follow
from proclaim_metrics.health import dead, unready
from proclaim_metrics.lag import Lag
from proclaim_metrics.options import Options
from proclaim_metrics.server import Server
from proclaim_metrics.writer import Writer


class MetricsReporter:
    """Answers `/metrics`, `/healthz` and `/readyz`."""

    name = "metrics"

    def __init__(self, options: Options, host: Host) -> None:
        self._options = options
        self._host = host
        self._tally = Tally()  # kept from one run to the next, as counters must be

    async def run(self, view: View, observe: Observe) -> None:
        """Serve until cancelled.

        Raises SettingsError, naming the key, when an address or a file is of no use.
        """
        lag, writer = Lag(), Writer(view.failing)
        exposition = Exposition(self._tally, lag, self._host.metrics)

        def why_unready() -> list[str]:
            projections = [latest.value for latest in view.projections.values()]
            return unready(view.state.value, view.failing.value, projections, writer.stuck)

        probes = {
            "/healthz": health(lambda: dead(writer.stuck)),
            "/readyz": health(why_unready),
        }
        scraped = metrics(lambda: exposition.text(view), self._options.token_file)
        server = Server(
            self._options, Application({"/metrics": scraped, **probes}), Application(probes)
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, view, self._tally)
            nursery.start_soon(lag.measure)
            nursery.start_soon(writer.watch, observe)
            nursery.start_soon(server.run)
