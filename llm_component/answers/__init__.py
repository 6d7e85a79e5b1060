"""Grounded answers and summaries: prompt, generation and checks in one stream."""
