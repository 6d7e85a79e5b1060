"""Engines round an engine: each adds one thing and passes on the rest."""
