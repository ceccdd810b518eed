"""JSON and YAML of any value."""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml

from proclaim_cli.options import Output
from proclaim_cli.values.plain import plain

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # several times as fast, where built
_STYLE: dict[str, Any] = {"sort_keys": False, "allow_unicode": True}


def show(value: Any, output: Output) -> bool:  # noqa: ANN401 - any value can be shown
    """Write a value as JSON or YAML; False, and nothing written, for the other outputs."""
    if output is Output.JSON:
        sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")
    elif output is Output.YAML:
        yaml.dump(plain(value), sys.stdout, _DUMPER, **_STYLE)
    else:
        return False
    return True


def document(value: Any, output: Output) -> str:  # noqa: ANN401 - as above
    """One value of many: a line of JSON, or a document of YAML."""
    if output is Output.YAML:
        text: str = yaml.dump(plain(value), None, _DUMPER, explicit_start=True, **_STYLE)
        return text
    return json.dumps(plain(value), ensure_ascii=False) + "\n"
