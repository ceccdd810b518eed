"""What the commands compute, as values whose fields are the keys that scripts rely on."""
