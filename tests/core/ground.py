"""Pools and wishes that many tests begin with."""

from proclaim.testing import assigned, pool, service

ONE = pool("public", "192.0.2.0/32")
PUBLIC = pool("public", "192.0.2.0/30")
DUAL = pool("public", "192.0.2.0/30", "2001:db8::/126")
HOLDER = (service("a"), assigned("a", "192.0.2.0"))
PREFER = {"ip_family_policy": "PreferDualStack"}
REQUIRE = {"ip_family_policy": "RequireDualStack"}
