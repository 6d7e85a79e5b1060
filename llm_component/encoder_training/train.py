"""The loop: an encoder and a linear head over its vectors are trained on labelled texts, and stop when it is enough."""

from __future__ import annotations

import copy
import logging
import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from llm_component.encoder import SentenceEncoder, encodable
from llm_component.encoder_training.batches import by_length, in_pairs
from llm_component.encoder_training.losses import contrastive_loss, head_loss
from llm_component.encoder_training.options import EncoderTraining
from llm_component.training.journal import time_left
from llm_component.training.precision import autocast, in_bf16, training_device

logger = logging.getLogger(__name__)

HEAD_RATE = 30.0  # times the encoder's rate: the head's weights are an order of magnitude larger
WEIGHT_DECAY = 0.01
CLIP = 1.0  # of the gradient's norm, as BERT was trained
REPORT_SECONDS = 10.0


@dataclass(frozen=True)
class Head:
    """`logits = vectors @ weights + bias`: weights `(d, labels)`, bias `(labels,)`, both float32."""

    weights: np.ndarray
    bias: np.ndarray


class _Progress:
    """A log line now and then: where the run is and how long it will take at most."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._begun = self._said = time.monotonic()

    def step(self, what: str, loss: float) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._said >= REPORT_SECONDS:
            self._said = now
            left = (now - self._begun) / self._done * (self._total - self._done)
            logger.info("%s: loss %.3f, at most %s left", what, loss, time_left(left))


class _Run:
    """One training: the encoder's copy, the head, the optimiser and the examples' tokens."""

    def __init__(
        self, base: SentenceEncoder, texts: Sequence[str], targets: np.ndarray, head: Head, options: EncoderTraining
    ) -> None:
        self.options = options
        self.device = training_device(options.device)
        self.bf16 = in_bf16(options.precision, self.device)
        self.model = copy.deepcopy(base.module).to(self.device)
        self.tokenizer = self.model.tokenizer
        cut = self.tokenizer([encodable(text) for text in texts], truncation=True, max_length=base.max_tokens)
        self.tokens: list[list[int]] = cut["input_ids"]
        self.targets = torch.as_tensor(targets, device=self.device)
        self.head = nn.Linear(*head.weights.shape).to(self.device)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(head.weights.T))
            self.head.bias.copy_(torch.from_numpy(head.bias))
        counts = np.bincount(targets, minlength=head.weights.shape[1])
        balanced = len(targets) / ((counts > 0).sum() * np.maximum(counts, 1))
        self.label_weights = torch.as_tensor(balanced, dtype=torch.float32, device=self.device)
        self.draw = random.Random(options.seed)

    def vectors(self, indices: Sequence[int]) -> Tensor:
        """`(batch, d)`, each of length 1; padded to the longest text of the batch."""
        batch = self.tokenizer.pad({"input_ids": [self.tokens[index] for index in indices]}, return_tensors="pt")
        features = {name: tensor.to(self.device) for name, tensor in batch.items()}
        with autocast(self.device, self.bf16):
            found = self.model(features)["sentence_embedding"]
        return nn.functional.normalize(found.float(), dim=1)

    def logits(self, indices: Sequence[int]) -> Tensor:
        return self.head(self.vectors(indices))

    def epoch(
        self,
        batches: Iterable[list[int]],
        loss_of: Callable[[list[int]], Tensor],
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        progress: _Progress,
        what: str,
    ) -> None:
        self.model.train()
        for batch in batches:
            loss = loss_of(batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*self.model.parameters(), *self.head.parameters()], CLIP)
            optimiser.step()
            schedule.step()
            progress.step(what, float(loss.detach()))

    def optimiser(self, steps: int) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LRScheduler]:
        """AdamW, and its rate: up in a line, down in a line."""
        rate = self.options.learning_rate
        groups = [
            {"params": list(self.model.parameters()), "lr": rate, "weight_decay": WEIGHT_DECAY},
            {"params": list(self.head.parameters()), "lr": rate * HEAD_RATE, "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups)
        rising = max(1, round(steps * self.options.warmup_share))

        def factor(step: int) -> float:
            return min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising)))

        return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, factor)

    def validation_loss(self, held_out: Sequence[int]) -> float:
        """Weighted cross-entropy, a mean over the examples."""
        self.model.eval()
        size, total = self.options.batch_size, 0.0
        ordered = sorted(held_out, key=lambda index: len(self.tokens[index]))
        with torch.inference_mode():
            for start in range(0, len(ordered), size):
                batch = ordered[start : start + size]
                total += float(head_loss(self.logits(batch), self.targets[batch], self.label_weights)) * len(batch)
        return total / len(held_out)

    def state(self) -> list[dict[str, Tensor]]:
        """Copies of the weights of encoder and head."""
        return [{k: v.detach().clone() for k, v in part.state_dict().items()} for part in (self.model, self.head)]

    def restore(self, state: list[dict[str, Tensor]]) -> None:
        for part, weights in zip((self.model, self.head), state, strict=True):
            part.load_state_dict(weights)


def train_encoder(
    base: SentenceEncoder,
    texts: Sequence[str],
    targets: np.ndarray,
    head: Head,
    options: EncoderTraining,
    held_out: Sequence[int] = (),
) -> tuple[SentenceEncoder, Head]:
    """Trains a copy of `base` together with `head`; both come back on the CPU, `base` stays as it is.

    The head should be fitted on the vectors of `base`: from a random one, the first steps would spoil the encoder
    (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features").

    Args:
        targets: `(n,)`, the label of each text as an index into the head's columns.
        held_out: indices of examples that decide when to stop and are not trained on. Without any, all epochs run.
    """
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        run = _Run(base, texts, targets, head, options)
        left_out = set(held_out)
        trained = [index for index in range(len(texts)) if index not in left_out]
        lengths = [len(run.tokens[index]) for index in trained]
        labels = [int(targets[index]) for index in trained]
        contrastive = options.contrastive_epochs * math.ceil(len(trained) / options.batch_size)
        supervised = options.epochs * math.ceil(len(trained) / options.batch_size)
        progress = _Progress(contrastive + supervised)

        if contrastive:
            optimiser, schedule = run.optimiser(contrastive)
            for number in range(1, options.contrastive_epochs + 1):
                batches = (
                    [trained[place] for place in batch] for batch in in_pairs(labels, options.batch_size, run.draw)
                )
                run.epoch(
                    batches,
                    lambda batch: contrastive_loss(run.vectors(batch), run.targets[batch]),
                    optimiser, schedule, progress, f"contrastive epoch {number}",
                )  # fmt: skip

        optimiser, schedule = run.optimiser(supervised)
        best, best_state, worse = math.inf, None, 0
        if held_out:
            best, best_state = run.validation_loss(held_out), run.state()
        for number in range(1, options.epochs + 1):
            batches = (
                [trained[place] for place in batch] for batch in by_length(lengths, options.batch_size, run.draw)
            )
            run.epoch(
                batches,
                lambda batch: head_loss(run.logits(batch), run.targets[batch], run.label_weights),
                optimiser, schedule, progress, f"epoch {number} of at most {options.epochs}",
            )  # fmt: skip
            if not held_out:
                continue
            loss = run.validation_loss(held_out)
            logger.info("epoch %d: validation loss %.4f", number, loss)
            if loss < best:
                best, best_state, worse = loss, run.state(), 0
            else:
                worse += 1
                if worse >= options.patience:
                    break
        if best_state is not None:
            run.restore(best_state)
    trained_head = Head(
        np.ascontiguousarray(run.head.weight.detach().cpu().numpy().T), run.head.bias.detach().cpu().numpy().copy()
    )
    return SentenceEncoder.of_module(run.model.eval().to("cpu"), f"{base.name}-fine-tuned"), trained_head
