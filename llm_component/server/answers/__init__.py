"""`/v1/answers`, `/v1/summaries`, `/v1/rephrasings` and `/v1/rewrites`; their wire form is `llm_component.protocol`."""
