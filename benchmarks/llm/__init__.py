"""`make bench-llm`: the LLM component's engines beside what transformers offers, on the same model and prompts."""
