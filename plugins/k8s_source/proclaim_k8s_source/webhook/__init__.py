"""An optional webhook: says at once what `proclaim check` would say, and converts BGPPeers.

It keeps nothing.  While it is away, nothing is lost: what it would have denied
is rejected when it is read, and ConfigurationState says so.
"""
