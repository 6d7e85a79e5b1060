"""Training: from data to a model that answers for one company."""
