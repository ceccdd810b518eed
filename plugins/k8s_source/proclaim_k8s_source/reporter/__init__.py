"""Writes to the API server what became of its resources: statuses, an annotation, Events.

What is wanted is a function of the state (`wanted`), what has to be written is
its difference to what the server shows (`patches`), and whom it is left to
when somebody else insists is a machine of its own (`contest`).  `work` says
what is to be done next, and the shells carry it out.
"""
