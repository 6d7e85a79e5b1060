"""How well and how fast the knowledge base finds: `make bench-search`."""
