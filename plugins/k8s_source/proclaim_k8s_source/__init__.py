"""Serves a Kubernetes cluster: reads its resources, and writes back what became of them.

`watch` reads: its `source` and `driver` run what `reflector` decides,
`translate` makes nouns of what `wire` decodes, `assembly` puts them together.
`reporter` writes, and knows by `shown` what the server has.  `election` lets
one controller of several allocate: `elector` runs what `lease` decides.
`webhook` denies at once.  These rooms do not know each other; all ask through
`access.api`, whose `client` gets from the rest of `access` where the server is
and who to be there.  `members` puts them together, `plugin` offers them, as
`options` says; `commands` is `proclaim k8s`.
"""
