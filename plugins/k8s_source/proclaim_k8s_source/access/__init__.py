"""How to reach an API server, and who to be there."""

from proclaim_k8s_source.access.finding import find_access
from proclaim_k8s_source.access.value import Access

__all__ = ["Access", "find_access"]
