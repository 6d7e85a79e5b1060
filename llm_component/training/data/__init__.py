"""Data for training: examples from the shop's own knowledge and from public sets."""
