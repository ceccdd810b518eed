"""A finding: one thing that an operator should know, under the code of its rule."""

from __future__ import annotations

from typing import NamedTuple

from proclaim.findings.rules import RULES, Code, Severity
from proclaim.model import Problem, Ref


class Related(NamedTuple):
    """Another resource that a finding is about, and where it is written."""

    file: str
    line: int
    """Counted from 1; 0 when unknown."""
    ref: Ref

    @property
    def place(self) -> str:
        """`file:line`, as far as it is known."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Finding(NamedTuple):
    """What is wrong or doubtful, and where; sorts by place."""

    file: str
    """Empty when the resource did not come from a file."""
    line: int
    """Counted from 1; 0 when unknown."""
    ref: Ref
    """Its parts are empty as far as it is not known which resource it is."""
    field: str
    """The field's path, such as `spec.addresses[1]`; may be empty."""
    code: Code
    sentence: str
    """What is the case, as one sentence without a full stop."""
    reason: str = ""
    """Of NoAddress: the code of the refusal."""
    related: tuple[Related, ...] = ()
    """The other resources of which the sentence speaks, where one has to look at both."""

    @property
    def full(self) -> str:
        """The sentence, with the places of what it is about besides, as far as they are known."""
        places = [f"{each.ref} is in {each.place}" for each in self.related if each.file]
        return "; ".join((self.sentence, *places))

    @property
    def label(self) -> str:
        """The code of the rule, and of the reason where it has one: `NoAddress/PortInUse`."""
        return f"{self.code}/{self.reason}" if self.reason else str(self.code)

    @property
    def severity(self) -> Severity:
        return RULES[self.code].severity

    @property
    def place(self) -> str:
        """`file:line`, as far as it is known."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def told(self) -> str:
        """As one line, where something else says how serious it is."""
        return self._line("")

    def __str__(self) -> str:
        return self._line("warning" if self.severity is Severity.WARNING else "")

    def _line(self, mark: str) -> str:
        said = f"{self.full} [{self.label}]"
        parts = (self.place, mark, str(self.ref), self.field, said)
        return ": ".join(part for part in parts if part)


def of_problem(problem: Problem) -> Finding:
    """What a source found wrong with its input, as a finding."""
    about_a_path = problem.file and not problem.line and not problem.kind
    return Finding(
        problem.file,
        problem.line,
        Ref(problem.kind, problem.namespace, problem.name),
        problem.field,
        Code.UNREADABLE if about_a_path else Code.INVALID_MANIFEST,
        problem.problem,
    )
