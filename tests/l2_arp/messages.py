"""Messages for property tests, drawn from few addresses so that they often meet."""

from hypothesis import strategies as st
from l2_arp.recorded import ASKER, ASKER6, HOLDER, NEIGHBOUR, STRANGER, VIP, VIP6
from proclaim_l2_arp.frames import (
    ALL_NODES,
    BROADCAST,
    Advertisement,
    Arp,
    Solicitation,
    solicited_node,
)

SIBLING = bytes.fromhex("0200000000aa")
"""Another interface of the holder."""

MACS = st.sampled_from([HOLDER, NEIGHBOUR, STRANGER, SIBLING, BROADCAST, bytes(6)])
V4 = st.sampled_from([VIP, ASKER, bytes(4)])
V6 = st.sampled_from([VIP6, ASKER6, bytes(16), ALL_NODES, solicited_node(VIP6)])
MESSAGES = st.one_of(
    st.builds(Arp, MACS, MACS, st.sampled_from([1, 2]), MACS, V4, MACS, V4),
    st.builds(Solicitation, MACS, MACS, V6, V6, V6, st.none() | MACS),
    st.builds(Advertisement, MACS, MACS, V6, V6, V6, st.none() | MACS),
)
