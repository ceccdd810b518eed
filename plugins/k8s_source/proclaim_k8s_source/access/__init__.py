"""How to reach an API server, who to be there, and a client that asks it."""

from proclaim_k8s_source.access.finding import find_access
from proclaim_k8s_source.access.value import Access

__all__ = ["Access", "find_access"]
