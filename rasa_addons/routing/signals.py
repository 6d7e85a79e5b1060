"""The signals that a routing decision is made from, and what has to be learned from training data to read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import softmax

from rasa_addons.routing.evidence import Evidence
from rasa_addons.routing.text_signs import SIGNS, LetterModel, plain, text_signs
from rasa_addons.routing.turns import IN_SCOPE, LABELS, DialogueState, LabelledTurn

# What an answer to the bot's question looks like; `expects` of the Router says it for each slot.
ANSWERS: dict[str, tuple[str, ...]] = {
    "order_number": ("order_number",),
    "code": ("code",),
    "email": ("email",),
    "yes_no": (),
    "choice": ("one_word", "few_words"),
    "name": ("one_word", "few_words"),
    "number": ("number",),
    "amount": ("amount", "number"),
    "address": ("postcode", "number"),
    "words": (),
}
ANSWER = "answer"  # the label, in the evidence, of an answer that only makes sense in a form
INTENT = "intent:"  # the prefix of the dialogue's own labels there
KINDS = (*(label for label in LABELS if label != IN_SCOPE), ANSWER)
SHARPNESS = 0.1  # temperature at which scores of the evidence become shares
NEIGHBOURS = 5
LONGEST_PHRASE = 4  # words
PHRASE_SEEN = 2  # messages that a phrase is marked in before it counts; else each message would vouch for itself


@dataclass(frozen=True)
class IntentExample:
    """A training message of the dialogue: its intent, and the texts that are marked as entities in it."""

    text: str
    intent: str
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True)
class SignalReader:
    """What was learned of the training data; `read` gives the signals of a message.

    `yes_no` and `detail` name the intents of an answer to a yes-or-no question and of a detail given.
    """

    evidence: Evidence
    letters: LetterModel
    phrases: frozenset[str]
    expects: dict[str, str]
    yes_no: tuple[str, ...]
    detail: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of the signals, in the order of `read`."""
        return [
            *("intent_share", "intents_share", "intent_margin", "intent_score", "intent_entropy"),
            *(f"{what}_{kind}" for kind in KINDS for what in ("share", "score")),
            *("says_yes_or_no", "gives_detail", "yes_no_in_form", "detail_in_form", "answer_in_form"),
            *(f"{how}_{kind}" for kind in (INTENT, *KINDS) for how in ("nearest", "near")),
            *SIGNS,
            *("usual_letters", "least_usual_word"),
            *("entity", "entity_share"),
            *("in_form", "fits_the_question", "question_in_form"),
            *(f"asks_{answer}" for answer in ANSWERS),
            *(f"question_to_{answer}" for answer in ANSWERS),
        ]

    def read(
        self,
        text: str,
        vector: np.ndarray,
        state: DialogueState,
        trained: tuple[int, np.ndarray] | None = None,
    ) -> np.ndarray:
        """The signals of one message, `(len(names),)` float32; `vector` is `(d,)`, of length 1.

        For a message that is itself in the evidence, `trained` is its index there and its scores with itself left out:
        else every training message would look familiar.
        """
        index, scores = trained or (None, self.evidence.scores(text, vector))
        signs = text_signs(text)
        values = [
            *self._evidence_signals(scores, state),
            *self._familiarity(vector, index),
            *signs,
            *self.letters.scores(text),
            *self._entity_signals(text),
            *self._state_signals(dict(zip(SIGNS, signs, strict=True)), state),
        ]
        return np.asarray(values, dtype=np.float32)

    def _evidence_signals(self, scores: np.ndarray, state: DialogueState) -> list[float]:
        labels = self.evidence.labels
        shares = softmax(scores / SHARPNESS)
        share = dict(zip(labels, shares.tolist(), strict=True))
        score = dict(zip(labels, scores.tolist(), strict=True))
        intents = np.asarray([label.startswith(INTENT) for label in labels])
        own = shares[intents]
        total = max(float(own.sum()), 1e-6)
        among = np.sort(own / total)
        entropy = -float((among * np.log(among + 1e-9)).sum())
        yes_no = sum(share.get(INTENT + intent, 0.0) for intent in self.yes_no)
        detail = sum(share.get(INTENT + intent, 0.0) for intent in self.detail)
        in_form = float(state.in_form)
        answer = share.get(ANSWER, 0.0)
        margin = float(among[-1] - among[-2]) if len(among) > 1 else 1.0
        return [
            *(float(own.max()), total, margin, float(scores[intents].max()), entropy),
            *(value for kind in KINDS for value in (share.get(kind, 0.0), score.get(kind, 0.0))),
            *(yes_no, detail, yes_no * in_form, detail * in_form, answer * in_form),
        ]

    def _familiarity(self, vector: np.ndarray, index: int | None) -> list[float]:
        """Cosine to the nearest training message of each kind, and the mean of the nearest few."""
        cosines = self.evidence.vectors @ vector
        if index is not None:
            cosines[index] = -1.0
        values: list[float] = []
        for rows in self._rows_of_kinds:
            nearest = np.sort(cosines[rows])[-NEIGHBOURS:] if len(rows) else np.zeros(1)
            values += [float(nearest[-1]), float(nearest.mean())]
        return values

    @cached_property
    def _rows_of_kinds(self) -> list[np.ndarray]:
        """Indices in the evidence: of all intents, and of each of `KINDS`."""
        rows = self.evidence.rows
        of_intents = [indices for label, indices in rows.items() if label.startswith(INTENT)]
        none = np.zeros(0, dtype=np.int64)
        return [np.concatenate([none, *of_intents]), *(rows.get(kind, none) for kind in KINDS)]

    def _entity_signals(self, text: str) -> list[float]:
        words = plain(text).split()
        covered = np.zeros(len(words), dtype=bool)
        for length in range(1, LONGEST_PHRASE + 1):
            for start in range(len(words) - length + 1):
                if " ".join(words[start : start + length]).strip(".,!?") in self.phrases:
                    covered[start : start + length] = True
        return [float(covered.any()), float(covered.mean()) if words else 0.0]

    def _state_signals(self, signs: Mapping[str, float], state: DialogueState) -> list[float]:
        answer = self.expects.get(state.asked or "") if state.in_form else None
        question = max(signs["asks"], signs["question_mark"], signs["question_verb"])
        fits = max((signs[sign] for sign in ANSWERS[answer]), default=0.0) if answer else 0.0
        asked = [float(answer == name) for name in ANSWERS]
        in_form = float(state.in_form)
        return [in_form, fits, question * in_form, *asked, *(question * flag for flag in asked)]


def fit_reader(
    examples: Sequence[IntentExample],
    turns: Sequence[LabelledTurn],
    vectors: Mapping[str, np.ndarray],
    *,
    expects: Mapping[str, str],
    yes_no: Sequence[str],
    detail: Sequence[str],
) -> tuple[SignalReader, dict[str, tuple[int, np.ndarray]]]:
    """The reader, and for each training text its index in the evidence and its scores with itself left out.

    A text that stands under an intent and in `turns` counts for the intent.

    Raises:
        ValueError: `expects` names a kind of answer that is not in `ANSWERS`.
    """
    if unknown := sorted(set(expects.values()) - set(ANSWERS)):
        raise ValueError(f"expects: {unknown[0]!r} is no kind of answer; there are {', '.join(ANSWERS)}")
    labels = {turn.text: ANSWER if turn.kind == IN_SCOPE else turn.label for turn in turns}
    labels |= {example.text: INTENT + example.intent for example in examples}
    texts = list(labels)
    evidence, left_out = Evidence.fit(texts, list(labels.values()), np.stack([vectors[text] for text in texts]))
    seen_in = Counter(phrase for example in examples for phrase in {plain(phrase) for phrase in example.phrases})
    reader = SignalReader(
        evidence=evidence,
        letters=LetterModel.fit([text for text, label in labels.items() if label != "nonsense"]),
        phrases=frozenset(phrase for phrase, count in seen_in.items() if count >= PHRASE_SEEN),
        expects=dict(expects),
        yes_no=tuple(yes_no),
        detail=tuple(detail),
    )
    return reader, {text: (index, left_out[index]) for index, text in enumerate(texts)}
