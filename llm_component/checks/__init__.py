"""What stands between a generated sentence and the customer: support, agreement of facts, private data, leaks."""
