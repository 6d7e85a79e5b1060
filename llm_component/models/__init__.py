"""Models: loads a Hugging Face chat model from a folder or a hub id, and says plainly what is wrong with it."""
