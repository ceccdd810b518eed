"""What this distribution offers to Proclaim: the reporter `metrics`.

Imports inside the hook: every command loads this module, and one needs a server.
"""

from __future__ import annotations

from collections.abc import Iterable

from proclaim import Host, Reporter, Settings, hookimpl


@hookimpl
def proclaim_reporters(settings: Settings, host: Host) -> Iterable[Reporter]:
    """Serve metrics and health, where the settings have a table `[metrics]`."""
    from proclaim_metrics.options import read_options

    options = read_options(settings)
    if options is None:
        return ()
    from proclaim_metrics.reporter import MetricsReporter

    return (MetricsReporter(options, host),)
