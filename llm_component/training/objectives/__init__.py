"""The losses: masked words with next sentences, the next word, a text from its source, a class."""
