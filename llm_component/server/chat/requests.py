"""From a chat completion's body to the engine's request; what this server cannot do is refused by name."""

from __future__ import annotations

from llm_component.engines.interface import GenerationRequest, Message, Role, Sampling
from llm_component.server.chat.protocol import MAX_STOPS, ChatMessage, ChatRequest
from llm_component.server.errors import invalid, not_supported

DEFAULT_TEMPERATURE = 1.0  # OpenAI's
DEFAULT_MAX_TOKENS = (
    1024  # OpenAI's is the context's end; a client that forgets a limit should not hold a place so long
)
MOST_TOKENS = 2**31 - 1
_SEEDS = 2**63  # what random generators take


def to_generation(
    body: ChatRequest, *, adapter: str | None, context_tokens: int, deadline: float, request_id: str
) -> GenerationRequest:
    """The engine's request.

    Args:
        context_tokens: of the model; 0 where that is not known.
        deadline: a time of `time.monotonic()`, in seconds.

    Raises:
        ApiError: 400, naming the field.
    """
    _refuse_unsupported(body)
    most = context_tokens if context_tokens > 0 else MOST_TOKENS
    wanted = body.max_completion_tokens or body.max_tokens or DEFAULT_MAX_TOKENS
    sampling = Sampling(
        max_tokens=min(wanted, most),
        temperature=DEFAULT_TEMPERATURE if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        top_k=min(max(body.top_k or 0, 0), MOST_TOKENS),
        seed=None if body.seed is None else body.seed % _SEEDS,
        stop=_stops(body.stop),
    )
    messages = tuple(_message(message, f"messages[{index}]") for index, message in enumerate(body.messages))
    return GenerationRequest(messages, sampling, deadline=deadline, request_id=request_id, adapter=adapter)


def _refuse_unsupported(body: ChatRequest) -> None:
    if body.n is not None and body.n != 1:
        raise invalid(f"n: this server gives one choice a request; n is {body.n} and must be 1.", "n")
    if body.tools or body.tool_choice not in (None, "none", "auto"):
        raise not_supported("Tools are", "tools" if body.tools else "tool_choice")
    if body.functions or body.function_call not in (None, "none", "auto"):
        raise not_supported("Functions are", "functions" if body.functions else "function_call")
    if body.logprobs or body.top_logprobs:
        raise not_supported("Log probabilities are", "logprobs" if body.logprobs else "top_logprobs")
    if body.audio:
        raise not_supported("Audio is", "audio")
    if body.modalities is not None and set(body.modalities) - {"text"}:
        raise not_supported("Modalities other than text are", "modalities")
    if body.response_format is not None and body.response_format.type != "text":
        raise not_supported("Response formats other than text are", "response_format")
    for name in ("logit_bias", "presence_penalty", "frequency_penalty"):
        if getattr(body, name):
            raise not_supported(f"{name}: biases and penalties are", name)


def _message(message: ChatMessage, param: str) -> Message:
    if message.role in ("tool", "function") or message.tool_calls or message.function_call:
        raise not_supported("Tools are", param)
    role: Role
    if message.role in ("system", "developer"):
        role = "system"
    elif message.role == "user":
        role = "user"
    else:
        role = "assistant"
    if message.content is None:
        raise invalid(f"{param}.content: a message needs a content.", f"{param}.content")
    if isinstance(message.content, str):
        return Message(role, message.content)
    texts: list[str] = []
    for index, part in enumerate(message.content):
        if part.type != "text":
            raise not_supported(f"Content of the type {part.type[:40]!r} is", f"{param}.content[{index}].type")
        if part.text is None:
            raise invalid("A text part needs a text.", f"{param}.content[{index}].text")
        texts.append(part.text)
    return Message(role, "\n".join(texts))


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = () if stop is None else (stop,) if isinstance(stop, str) else tuple(stop)
    if len(stops) > MAX_STOPS:
        raise invalid(f"stop: {MAX_STOPS} stop strings at most, not {len(stops)}.", "stop")
    if not all(stops):
        raise invalid("stop: a stop string must not be empty.", "stop")
    return stops
