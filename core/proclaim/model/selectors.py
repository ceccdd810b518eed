"""Label selectors (meta/v1 LabelSelector)."""

from __future__ import annotations

from typing import Literal

from proclaim.model.names import Pairs, Struct


class Requirement(Struct, frozen=True):
    """One entry of `matchExpressions` (meta/v1 LabelSelectorRequirement)."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class Selector(Struct, frozen=True):
    """A meta/v1 LabelSelector; the empty one matches everything."""

    labels: Pairs = ()
    expressions: tuple[Requirement, ...] = ()

    def matches(self, labels: Pairs) -> bool:
        """Whether all equalities and all expressions hold."""
        have = dict(labels)
        return all(have.get(key) == value for key, value in self.labels) and all(
            expression.matches(have) for expression in self.expressions
        )


def any_matches(selectors: tuple[Selector, ...], labels: Pairs) -> bool:
    """Whether any selector matches; no selector at all selects everything."""
    return not selectors or any(selector.matches(labels) for selector in selectors)
