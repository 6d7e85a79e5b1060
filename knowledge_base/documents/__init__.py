"""Reads documents of every format into one form: titled sections of Markdown with where they came from."""
