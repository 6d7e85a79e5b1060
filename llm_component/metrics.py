"""What the component counts and times, shown under `/metrics`. Names follow vLLM's where it has the same figure."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 20)

REQUESTS = Counter("frontdesk_llm_requests_total", "HTTP requests, by how they ended", ["endpoint", "outcome"])
FAILURES = Counter("frontdesk_llm_failures_total", "Failures, by place and kind", ["place", "kind"])
REQUEST_SECONDS = Histogram("frontdesk_llm_request_seconds", "Arrival to the end", ["endpoint"], buckets=_SECONDS)

# Engine
QUEUE_SECONDS = Histogram("frontdesk_llm_queue_seconds", "Time a request waited for its place", buckets=_SECONDS)
TIME_TO_FIRST_TOKEN = Histogram(
    "frontdesk_llm_time_to_first_token_seconds", "Arrival at the engine to the first token", buckets=_SECONDS
)
TIME_PER_TOKEN = Histogram(
    "frontdesk_llm_time_per_output_token_seconds",
    "Mean time between a request's tokens after the first",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32),
)
PROMPT_TOKENS = Counter("frontdesk_llm_prompt_tokens_total", "Tokens of prompts")
CACHED_TOKENS = Counter("frontdesk_llm_cached_prompt_tokens_total", "Tokens of prompts that were not computed anew")
GENERATED_TOKENS = Counter("frontdesk_llm_generation_tokens_total", "Tokens generated")
GUESSED_TOKENS = Counter(
    "frontdesk_llm_guessed_tokens_total", "Tokens guessed ahead, by what became of them", ["result"]
)
BATCH_SIZE = Histogram("frontdesk_llm_batch_size", "Rows a step", buckets=(1, 2, 4, 8, 16, 32, 64, 128))
RUNNING = Gauge("frontdesk_llm_requests_running", "Requests being generated")
WAITING = Gauge("frontdesk_llm_requests_waiting", "Requests in the queue")
KV_USE = Gauge("frontdesk_llm_kv_cache_usage_ratio", "Share of the key-value cache in use, 0 to 1")
CANCELLED = Counter("frontdesk_llm_requests_cancelled_total", "Requests whose reader went away")
OUT_OF_MEMORY = Counter("frontdesk_llm_out_of_memory_total", "Times the device had no room and rows had to wait")
REPLY_CACHE = Counter(
    "frontdesk_llm_reply_cache_total", "Look-ups of equal requests at temperature 0: hit, joined or miss", ["result"]
)
RETRIES = Counter("frontdesk_llm_retries_total", "Second tries at a server, by why the first failed", ["reason"])
FIELDS_LEFT_OUT = Counter(
    "frontdesk_llm_upstream_fields_left_out_total", "Fields that an upstream refused and does not get again", ["field"]
)
BREAKER_OPEN = Gauge("frontdesk_llm_breaker_open", "1 while requests are refused because the engine keeps failing")

# Grounded answers
ANSWERS = Counter("frontdesk_llm_answers_total", "Grounded answers, by verdict", ["verdict"])
SENTENCES = Counter("frontdesk_llm_sentences_total", "Generated sentences, by what the check said", ["outcome"])
TIME_TO_FIRST_SENTENCE = Histogram(
    "frontdesk_llm_time_to_first_sentence_seconds", "Arrival to the first checked sentence", buckets=_SECONDS
)
ANSWER_CACHE = Counter("frontdesk_llm_answer_cache_total", "Look-ups of equal questions", ["result"])
