"""How values are shown: text for people, JSON and YAML for scripts.  Nothing is computed here."""
