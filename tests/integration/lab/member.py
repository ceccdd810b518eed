"""One process of Proclaim in a cluster: its settings, its life, its metrics and its ledger."""

import sys
from pathlib import Path

from integration.lab.inside import Connection
from netlab.node import PROCLAIM
from netlab.processes import CommandFailed, run
from prometheus_client.parser import text_string_to_metric_families

_SETTINGS = """
node = "{name}"
ledger = "{ledger}"
authority = "{authority}"

[k8s_source]
role = "{role}"
namespace = "metallb-system"
kubeconfig = "{kubeconfig}"
{more}

[bgp]
enabled = {announces}

[l2_arp]
enabled = {announces}

[l2_arp.heartbeat]
interval_ms = 250
dead_after_ms = 1000

[metrics]
listen = "{metrics}"
"""


class Member:
    """A controller or a node; `at` is where its metrics are served, as `address:port`."""

    def __init__(self, name, role, namespace, directory, at):
        self.name, self.role, self.namespace = name, role, namespace
        self.directory = directory / "proclaim" / name
        self.ledger = f"sqlite:{self.directory / 'ledger.db'}"
        self.log = self.directory / "proclaim.log"
        self._at = at
        self._kubeconfig = directory / "kubeconfig"
        self.process = None
        self.directory.mkdir(parents=True, exist_ok=True)
        self.configure()

    def configure(self, more=""):
        """Write its settings, with more lines for `[k8s_source]`; it reads them when it starts."""
        announces = self.role != "controller"
        text = _SETTINGS.format(
            name=self.name,
            ledger=self.ledger,
            authority="follow" if self.role == "node" else "allocate",
            role=self.role,
            kubeconfig=self._kubeconfig,
            more=more,
            announces=str(announces).lower(),
            metrics=self._at,
        )
        (self.directory / "settings.toml").write_text(text, encoding="utf-8")

    @property
    def running(self):
        """Whether it runs."""
        return self.process is not None and self.process.running

    def start(self, stack):
        """Start it without waiting; it ends at the latest when `stack` is left."""
        settings = str(self.directory / "settings.toml")
        command = [*PROCLAIM, "run", "--settings", settings]
        name = f"proclaim {self.name}"
        self.process = self.namespace.start(stack, name, command, self.log)

    def ready(self):
        """Whether it says that it is of use."""
        try:
            return self._get("/readyz")[0] == 200
        except OSError as error:
            raise CommandFailed(f"{self.name}: {error}") from None

    def metric(self, name, **labels):
        """The sum of the samples that have these labels; None when there are none."""
        status, text = self._get("/metrics")
        assert status == 200, text
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name in (name, f"{name}_total") and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None

    def said(self):
        """What it has logged."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def ask(self, *arguments):
        """What a reading command prints about its ledger; raises CommandFailed."""
        return run([*PROCLAIM, *arguments, "--ledger", self.ledger], timeout=30)

    def _get(self, path):
        host, _, port = self._at.rpartition(":")
        return Connection(self.namespace, host, int(port), timeout=5.0).get(path)


def emulator(directory, listen, token):
    """The command that serves the emulated API server, with two address families for Services."""
    return [
        *("env", f"PYTHONPATH={_tests()}", sys.executable, "-m", "apiserver"),
        *("--listen", listen, "--token", token),
        *("--tls-dir", str(directory / "tls"), "--kubeconfig", str(directory / "kubeconfig")),
        *("--service-cidr", "10.96.0.0/12", "--service-cidr", "fd00:96::/108"),
    ]


def _tests():
    return Path(__file__).resolve().parents[2]
