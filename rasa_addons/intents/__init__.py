"""Intent recognition: a linear head on sentence vectors, frozen or fine-tuned, with calibrated probabilities."""
