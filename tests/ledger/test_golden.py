"""Every version ever written still loads.

`golden/facts.tsv` holds one line for each topic: the topic, a tab, what is
stored.  PROCLAIM_UPDATE_GOLDEN=1 adds the lines of new topics; a line that is
there is never edited, because ledgers hold such lines.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ledger.examples import CODEC, EXAMPLES, TIME, TRANSACTION
from proclaim.events import Opaque

GOLDEN = Path(__file__).parent / "golden" / "facts.tsv"


def _stored() -> dict[str, bytes]:
    if not GOLDEN.exists():
        return {}
    lines = GOLDEN.read_bytes().splitlines()
    return {line.partition(b"\t")[0].decode(): line.partition(b"\t")[2] for line in lines}


@pytest.fixture(scope="module", autouse=True)
def _add_new_topics() -> None:
    if os.environ.get("PROCLAIM_UPDATE_GOLDEN") != "1":
        return
    stored = _stored()
    for fact in EXAMPLES:
        topic, line = CODEC.encode(fact, TIME, TRANSACTION)
        stored.setdefault(topic, line)
    GOLDEN.write_bytes(
        b"".join(b"%b\t%b\n" % (topic.encode(), stored[topic]) for topic in sorted(stored))
    )


def test_every_topic_that_is_written_now_has_a_golden_line() -> None:
    assert {CODEC.topic(fact) for fact in EXAMPLES} <= _stored().keys()


@pytest.mark.parametrize("fact", EXAMPLES, ids=CODEC.topic)
def test_what_is_written_now_is_what_was_written_first(fact) -> None:
    topic, line = CODEC.encode(fact, TIME, TRANSACTION)
    assert _stored()[topic] == line


@pytest.mark.parametrize("topic", sorted(_stored()))
def test_every_line_ever_written_still_loads(topic) -> None:
    decoded = CODEC.decode(topic, _stored()[topic])
    assert (decoded.time, decoded.transaction) == (TIME, TRANSACTION)
    assert not isinstance(decoded.fact, Opaque)
