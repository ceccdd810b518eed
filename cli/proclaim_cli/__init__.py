"""The command line of Proclaim: values computed from a ledger, and views that render them."""
