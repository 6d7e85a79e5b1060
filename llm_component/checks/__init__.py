"""Checks: what a sentence has to pass before a customer sees it."""
