"""How an answer may begin: the model's leanings in its first token, put right after training.

Examples made by rule teach a model to abstain more often than customers' questions deserve, and "Yes" and "No" less
surely than facts. The first is a prior, which a shift of the token's log-odds corrects (Saerens et al. 2002); the
second is left unsaid, for the fact that follows says it. Only answers are meant, not rewritten questions or summaries.
"""

from __future__ import annotations

from torch import Tensor

from llm_component.compact.configuration import CompactConfig


def opened(log_probabilities: Tensor, written: Tensor, source_ids: Tensor, config: CompactConfig) -> Tensor:
    """Log-probabilities with those of first tokens shifted; they no longer sum to one there.

    Args:
        log_probabilities: `(batch, queries, vocabulary)`.
        written: the token before each query, `(batch, queries)`.
        source_ids: `(batch, source)`; the second token names the task.
        config: with the shifts, and the token before the first one, which stands nowhere else.
    """
    first = (written == config.decoder_start_token_id) & (source_ids[:, 1:2] == config.answer_token_id)
    if not bool(first.any()):
        return log_probabilities
    shift = log_probabilities.new_zeros(log_probabilities.shape[-1])
    for token, amount in config.opening_shifts.items():
        shift[int(token)] = amount
    return log_probabilities + first[:, :, None] * shift
