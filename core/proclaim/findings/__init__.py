"""Findings: what an operator should be told about a state, under codes that stay.

`examine` is a pure function of a state, and every command that tells what is
wrong tells the same: `check` of the state that manifests would lead to, `get
problems` of the ledger's, `run` while it changes.  Nothing is decided here and
nothing is kept out of force.  Of a kind of which a document could not be read
or was rejected, nothing is said to be missing.
"""

from proclaim.findings.examining import basis, examine, examining, standing
from proclaim.findings.finding import Finding, Related, of_problem
from proclaim.findings.news import News, Told, news
from proclaim.findings.rules import RULES, Code, Rule, Severity

__all__ = [
    "RULES",
    "Code",
    "Finding",
    "News",
    "Related",
    "Rule",
    "Severity",
    "Told",
    "basis",
    "examine",
    "examining",
    "news",
    "of_problem",
    "standing",
]
