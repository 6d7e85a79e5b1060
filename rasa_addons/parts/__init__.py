"""Several wishes in one message: where it may be cut, and whether it is."""
