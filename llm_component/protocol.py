"""The wire form of grounded answers and summaries, shared by server and client. Needs no torch.

`POST /v1/answers` takes an `AnswerRequest`. With `stream: true` it answers with Server-Sent Events: `sentence` (a
`Sentence`) for each sentence that passed the checks, then one `answer` (an `Answer`), or `error` (an `ErrorBody`) in
place of what is missing. Without it, the `Answer` alone. `POST /v1/summaries` takes a `SummaryRequest` and gives a
`Summary`. `POST /v1/rephrasings` takes a `RephraseRequest` and gives a `Rephrasing`. `POST /v1/rewrites` takes a
`RewriteRequest` and gives a `Rewrite`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["answered", "partial", "abstained", "quoted"]
TURN_HEADER = "X-Turn-Id"  # runs through the logs of all processes


class Turn(msgspec.Struct, frozen=True):
    """One message of the conversation so far."""

    role: Literal["user", "assistant"]
    content: str


class Passage(msgspec.Struct, frozen=True):
    """A passage that the knowledge base found. `quote` is its part that answers best, where that is known."""

    title: str
    text: str
    url: str = ""
    heading: str = ""
    quote: str = ""
    similarity: float = 0.0


class Profile(msgspec.Struct, frozen=True):
    """The shop that answers: its name, its tone, and the sentence that says that it doesn't know."""

    shop_name: str
    abstention: str
    tone: str = "friendly, plain and brief"
    language: str = "en-GB"
    support_contact: str = ""


class AnswerRequest(msgspec.Struct, frozen=True):
    """An open question with all that an answer may rest on.

    `facts` are the slots of the conversation in words, such as {"order number": "1043", "tried": "restarting it"}.
    `knowledge_version` names the state of the knowledge base: equal questions on equal knowledge may be answered from
    a cache. `deadline_seconds` counts from the request's arrival.
    """

    question: str
    profile: Profile
    passages: list[Passage] = []
    history: list[Turn] = []
    facts: dict[str, str] = {}
    knowledge_version: str = ""
    deadline_seconds: float = 15.0
    max_tokens: int = 200
    adapter: str | None = None
    stream: bool = False


class Sentence(msgspec.Struct, frozen=True):
    """A checked sentence. `text` is without citation marks; `joint` is what stands before it (" ", a line break, "").

    `citations` are numbers of passages, counted from 1; `support` is the score that the check gave it, 0 to 1.
    """

    text: str
    citations: list[int]
    support: float
    joint: str = " "


class Dropped(msgspec.Struct, frozen=True):
    """A sentence that was generated and held back; `text` goes to nobody but the operator's debug log."""

    reason: str
    support: float = 0.0


class TokenUsage(msgspec.Struct, frozen=True):
    """As in OpenAI's API, with the tokens of the prompt that were cached."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. `text` joins the sentences; where the verdict is `abstained` it is the profile's abstention.

    `quoted`: no model was used, or it could not answer in time: the text is the best passage's words.
    """

    verdict: Verdict
    text: str
    sentences: list[Sentence] = []
    citations: list[int] = []
    dropped: list[Dropped] = []
    reason: str = ""  # of an abstention or a quotation
    model: str = ""
    usage: TokenUsage = TokenUsage()
    seconds_to_first_token: float | None = None
    seconds_to_first_sentence: float | None = None
    seconds: float = 0.0
    cached: bool = False


class SummaryRequest(msgspec.Struct, frozen=True):
    """A conversation to be summed up for the person who takes it over; `fallback` is returned where that fails."""

    turns: list[Turn]
    fallback: str
    facts: dict[str, str] = {}
    profile: Profile | None = None
    deadline_seconds: float = 10.0
    max_tokens: int = 160


class Summary(msgspec.Struct, frozen=True):
    """`generated` says whether the model wrote it; if not, `reason` says why the fallback stands."""

    text: str
    generated: bool
    reason: str = ""
    model: str = ""


class RephraseRequest(msgspec.Struct, frozen=True):
    """A template's finished text that may be said in words that fit the conversation; all facts must stay."""

    text: str
    profile: Profile
    history: list[Turn] = []
    deadline_seconds: float = 4.0
    max_tokens: int = 160


class Rephrasing(msgspec.Struct, frozen=True):
    """`changed` is false where the text came back as it was; then `reason` says why."""

    text: str
    changed: bool
    reason: str = ""


class RewriteRequest(msgspec.Struct, frozen=True):
    """A question that may rest on what was said before it, to be made whole: "And to Leeds?" for a search."""

    question: str
    history: list[Turn] = []
    deadline_seconds: float = 2.0
    max_tokens: int = 64


class Rewrite(msgspec.Struct, frozen=True):
    """`changed` is false where the question came back as it was; then `reason` says why."""

    question: str
    changed: bool
    reason: str = ""


class ErrorBody(msgspec.Struct, frozen=True):
    """An error as OpenAI's API gives it: `{"error": {...}}` holds this. `kind` is one of the engine's errors."""

    message: str
    type: str
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
