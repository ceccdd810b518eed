"""JSON and YAML of any value."""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml

from proclaim_cli.options import Output
from proclaim_cli.values.plain import plain


def show(value: Any, output: Output) -> bool:  # noqa: ANN401 - any value can be shown
    """Write a value as JSON or YAML; False, and nothing written, for the other outputs."""
    if output is Output.JSON:
        sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")
    elif output is Output.YAML:
        yaml.safe_dump(plain(value), sys.stdout, sort_keys=False, allow_unicode=True)
    else:
        return False
    return True


def document(value: Any, output: Output) -> str:  # noqa: ANN401 - as above
    """One value of many: a line of JSON, or a document of YAML."""
    if output is Output.YAML:
        text: str = yaml.safe_dump(
            plain(value), explicit_start=True, sort_keys=False, allow_unicode=True
        )
        return text
    return json.dumps(plain(value), ensure_ascii=False) + "\n"
