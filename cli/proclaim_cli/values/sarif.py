"""Findings as a SARIF log (OASIS, version 2.1.0), which code scanning understands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from proclaim.findings import RULES, Code, Finding, Related, Rule, Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"
_ROOT = "%SRCROOT%"
_LEVELS = {Severity.PROBLEM: "error", Severity.WARNING: "warning"}


def sarif(found: Sequence[Finding], version: str, directory: str) -> dict[str, Any]:
    """A log of one run; files below a directory are named as seen from there."""
    codes = list(RULES)
    driver = {
        "name": "proclaim",
        "version": version,
        "rules": [_rule(code, rule) for code, rule in RULES.items()],
    }
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, codes.index(each.code), directory) for each in found],
            }
        ],
    }


def _rule(code: Code, rule: Rule) -> dict[str, Any]:
    return {
        "id": str(code),
        "shortDescription": {"text": f"{rule.what}."},
        "help": {"text": f"{rule.remedy}."},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(found: Finding, index: int, directory: str) -> dict[str, Any]:
    said = ": ".join(part for part in (str(found.ref), found.field, found.sentence) if part)
    result: dict[str, Any] = {
        "ruleId": str(found.code),
        "ruleIndex": index,
        "level": _LEVELS[found.severity],
        "message": {"text": said},
    }
    if location := _location(found, directory):
        result["locations"] = [location]
    if related := [_related(each, directory) for each in found.related if each.file]:
        result["relatedLocations"] = related
    if found.reason:
        result["properties"] = {"reason": found.reason}
    return result


def _location(found: Finding | Related, directory: str) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if found.file:
        physical: dict[str, Any] = {"artifactLocation": artifact(found.file, directory)}
        if found.line:
            physical["region"] = {"startLine": found.line}
        location["physicalLocation"] = physical
    if found.ref.kind:
        location["logicalLocations"] = [{"fullyQualifiedName": str(found.ref), "kind": "resource"}]
    return location


def _related(other: Related, directory: str) -> dict[str, Any]:
    return {**_location(other, directory), "message": {"text": str(other.ref)}}


def artifact(file: str, directory: str) -> dict[str, str]:
    """Where a file is: relative to the sources' root if it lies below, else an absolute URI."""
    path = PurePosixPath(file)
    if path.is_absolute():
        if not path.is_relative_to(directory):
            return {"uri": f"file://{quote(str(path))}"}
        path = path.relative_to(directory)
    return {"uri": quote(_without_scheme(str(path))), "uriBaseId": _ROOT}


def _without_scheme(path: str) -> str:
    """A relative path that cannot be taken for a URI with a scheme (RFC 3986 section 4.2)."""
    return f"./{path}" if ":" in path.partition("/")[0] else path
