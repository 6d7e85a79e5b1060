"""The compact model: an encoder-decoder of about 20 million parameters that answers from passages by copying."""
