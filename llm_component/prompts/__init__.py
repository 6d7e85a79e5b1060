"""Prompts: templates as files, filled within a budget of tokens."""
