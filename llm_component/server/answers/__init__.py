"""`/v1/answers`, `/v1/summaries` and `/v1/rephrasings`; their wire form is `llm_component.protocol`."""
