"""A small network of namespaces with real routers in it, for trying Proclaim out.

`namespaces` and `processes` know Linux, `topology` the wiring, `frr` and
`bird` one router each, `node` the service under trial, `manifests` what it is
given, and `lab` puts them together.  The invariant of all of them: whatever
was made is on an ExitStack before the next thing is made.
"""
