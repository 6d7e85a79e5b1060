"""Benchmarks: one module each, results as JSON and a table in benchmarks/results/."""
