"""Training of a sentence encoder for labelled texts: contrastive pairs first, then a classification head."""
