"""The HTTP server of the component: an OpenAI-compatible API and the grounded answers."""
