"""Serves a Kubernetes cluster: reads its resources, and writes back what became of them.

Reading: `source` and `watching` run what `reflector` decides, `translate` makes
nouns of what `wire` decodes, `assembly` puts them together.  Writing:
`reporter`.  One controller of several: `elector` runs what `lease` decides.
Denying at once: `webhook`.  All of them ask through `api`, whose `client`
gets from `access` where the server is and who to be there.  `plugin` offers
them, as `options` says; `commands` is `proclaim k8s`.
"""
