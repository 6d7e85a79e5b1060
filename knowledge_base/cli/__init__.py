"""The command line of the knowledge base: `python -m knowledge_base`."""
