"""Will read resources from a Kubernetes API server; not built yet."""
