"""What goes wrong in training and can be put right by whoever started it."""

from __future__ import annotations


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message is a plain sentence that says why and what to do."""
