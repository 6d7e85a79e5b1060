"""Who owns a turn: the dialogue, the knowledge base, a short question back, or nobody. Only `component` needs Rasa."""
