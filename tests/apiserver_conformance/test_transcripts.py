"""The emulator answers every recorded request as the recorded server did.

The exceptions are none.  What is normalised is in `comparison`, what happened
beside the recorded requests is in `script`.
"""

import pytest

from apiserver_conformance.replay import Row, replayed, rows
from apiserver_conformance.script import BEFORE, DURING, LISTENED


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0][:2]}-{row[1]}")
def test_answers_as_recorded(row: Row) -> None:
    assert replayed()[row] == [], rows()[row]["request"]


def test_the_script_names_only_recorded_requests() -> None:
    assert {*BEFORE, *DURING, *LISTENED} <= rows().keys()


def test_every_transcript_is_replayed() -> None:
    assert len({name for name, _ in rows()}) == 6
    assert len(replayed()) == len(rows()) == 93
