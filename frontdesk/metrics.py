"""Counters and timings that each process shows under `/metrics` in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

TURNS = Counter("frontdesk_turns_total", "Customer messages, by how they ended", ["channel", "outcome"])
TURN_SECONDS = Histogram(
    "frontdesk_turn_seconds",
    "Time from a customer's message to the whole answer",
    ["channel"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40),
)
FAILURES = Counter(
    "frontdesk_failures_total", "Failures that a customer was told about, by place and kind", ["place", "kind"]
)
ROUTED = Counter("frontdesk_routed_turns_total", "Turns by the router's decision", ["decision"])
SEVERAL_WISHES = Counter(
    "frontdesk_several_wishes_total", "Messages that were cut into several wishes, by number of parts", ["parts"]
)
ACTIONS = Counter("frontdesk_actions_total", "Custom actions run, by outcome", ["action", "outcome"])
ACTION_SECONDS = Histogram("frontdesk_action_seconds", "Time a custom action took", ["action"])
CODES = Counter("frontdesk_verification_codes_total", "Verification codes, by what became of them", ["outcome"])
OPEN_QUESTIONS = Counter("frontdesk_open_questions_total", "Open questions, by outcome", ["outcome"])
REPHRASED = Counter("frontdesk_rephrased_total", "Responses that the domain asks to rephrase, by outcome", ["outcome"])
SUMMARIES = Counter("frontdesk_summaries_total", "Tickets' summaries, by who wrote them", ["outcome"])
REFUSED_REQUESTS = Counter("frontdesk_refused_requests_total", "Requests to the web channel refused", ["reason"])
SESSIONS = Counter("frontdesk_sessions_total", "Sessions of the web channel, by what became of them", ["event"])
FEEDBACK = Counter("frontdesk_feedback_total", "Customers' thumbs on messages", ["thumbs"])
HANDOFFS = Counter("frontdesk_handoffs_total", "Conversations handed to a person", ["topic"])


def exposition() -> tuple[bytes, str]:
    """All metrics of this process as `(body, content type)`."""
    return generate_latest(), CONTENT_TYPE_LATEST
