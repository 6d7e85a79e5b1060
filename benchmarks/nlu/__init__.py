"""Intent recognition, rejection of what is out of scope, and their cost, beside Rasa's own pipeline."""
