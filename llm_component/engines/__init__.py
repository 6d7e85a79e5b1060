"""Engines: what turns a prompt into streamed text, behind one small interface."""
