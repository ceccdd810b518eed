"""What the commands say of a node that announces nothing because others do."""

from proclaim import NodeWithdrawal, Spread
from proclaim.model import AnnouncerStatus, BGPPeer
from proclaim.testing import given, node, observed
from proclaim_cli.values.absent import absent
from proclaim_cli.values.facts import summary
from proclaim_cli.values.resources import nodes
from proclaim_cli.views.resources import nodes_table

STATE = given(
    node("n1"),
    node("n2"),
    BGPPeer("tor", my_asn=64512, peer_asn=64513, peer_address="192.0.2.9"),
    AnnouncerStatus("n1", "bgp", Spread.EVERY_NODE, running=True),
    NodeWithdrawal("n1", "others announce"),
).state


def test_the_node_may_not_announce_and_the_others_may():
    rows = nodes(STATE, "n1")
    assert [(row.name, row.withdrawn) for row in rows] == [("n1", "others announce"), ("n2", "")]
    said = nodes_table(rows, wide=False).splitlines()
    assert [line.split()[-1] for line in said[1:]] == ["no", "yes"]


def test_the_log_says_why():
    said = summary(observed(NodeWithdrawal("n1", "others announce")))
    assert said.startswith("announces nothing for now: others announce, from ")


def test_where_there_is_no_session_that_is_why():
    assert absent("peers", STATE, ()) == "n1 holds no session for now: others announce"
