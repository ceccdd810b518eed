"""The webhook beside the other reporters: it judges by the state that they report on."""

from __future__ import annotations

from proclaim import Observe
from proclaim.model import Resource
from proclaim.reporting import State, View
from proclaim.validation import KINDS

from proclaim_k8s_source.options import WebhookOptions
from proclaim_k8s_source.webhook.server import serve_webhook


class WebhookReporter:
    """Serves the webhook; the reporter named `webhook`."""

    def __init__(self, options: WebhookOptions, namespace: str) -> None:
        self.name = "webhook"
        self._options = options
        self._namespace = namespace

    async def run(self, view: View, observe: Observe) -> None:
        """Serve until cancelled; raises OSError when the address cannot be bound."""
        await serve_webhook(self._options, self._namespace, lambda: in_force(view.state.value))


def in_force(state: State) -> list[Resource]:
    """What a review has to agree with."""
    return [entry.resource for kind in KINDS for entry in state.of_kind(kind).values()]
