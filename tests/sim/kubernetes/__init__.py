"""A cluster in one program: users, an API server that fails, and the processes over it."""
