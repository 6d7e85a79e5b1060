"""Rows, windows and batches: nothing is lost, and every position can be taken up again."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from llm_component.training.batches import Batches, cut, padded_tokens
from llm_component.training.data.corpus import Corpus
from llm_component.training.data.denoising import without_spans
from llm_component.training.data.masking import MaskedPairs, Masking
from llm_component.training.data.mixing import Mixture
from llm_component.training.data.packing import PackedRows
from llm_component.training.errors import TrainingError
from llm_component.training.rows import FOLLOWS, IGNORED, RANDOM, ListedRows, Row
from llm_component.training.schedule import learning_rate_factor

MASK, START, END = 4, 2, 3


def listed(count: int) -> list[Row]:
    drawn = random.Random(5)
    return [Row(ids=[number] * drawn.randint(1, 30)) for number in range(count)]


def corpus(documents: int = 40, sentences: int = 9) -> Corpus:
    """Documents whose tokens tell document and sentence: 1000 x document + 10 x sentence + place."""
    tokens: list[int] = []
    ends, starts = [0], []
    for document in range(documents):
        for sentence in range(sentences):
            starts.append(len(tokens))
            tokens += [1000 * (document + 1) + 10 * sentence + place for place in range(5)]
        tokens.append(END)
        ends.append(len(tokens))
    return Corpus(np.array(tokens, dtype=np.uint32), np.array(ends), np.array(starts))


def pairs(length: int = 28, **options: bool) -> MaskedPairs:
    masking = Masking(MASK, np.arange(1000, 40000), frozenset({START, END, MASK}), 0.15)
    return MaskedPairs(corpus(), masking, start=START, end=END, length=length, seed=1, **options)


def unmasked(row: Row) -> list[int]:
    return [int(label if label != IGNORED else token) for token, label in zip(row.ids, row.labels, strict=True)]


class TestBatches:
    def test_every_row_comes_once_an_epoch(self) -> None:
        batches = Batches(ListedRows(listed(300), 1), most_tokens=100, window=64)
        seen = []
        while batches.epoch == 0:
            seen += [row.ids[0] for row in next(batches)]
        assert sorted(seen[:300]) == list(range(300))

    def test_no_batch_of_several_rows_is_above_the_budget(self) -> None:
        assert all(len(rows) == 1 or padded_tokens(rows) <= 100 for rows in cut(listed(300), 100, 256))

    def test_a_row_longer_than_the_budget_is_a_batch_of_its_own(self) -> None:
        assert [len(rows) for rows in cut([Row(ids=[1] * 50), Row(ids=[1] * 5)], 20, 256)] == [1, 1]

    @pytest.mark.parametrize("taken", [0, 1, 7, 40, 95])
    def test_a_restored_position_gives_the_same_batches(self, taken: int) -> None:
        def make() -> Batches:
            return Batches(ListedRows(listed(300), 1), most_tokens=100, window=64)

        first = make()
        for _ in range(taken):
            next(first)
        second = make()
        second.restore(first.state())
        assert list(itertools.islice(second, 60)) == list(itertools.islice(first, 60))

    def test_no_rows_are_an_error_that_says_so(self) -> None:
        with pytest.raises(TrainingError, match="no data"):
            next(Batches(ListedRows([], 1), most_tokens=10))


class TestMixture:
    def sources(self) -> list[ListedRows]:
        return [ListedRows([Row(ids=[source * 100 + n]) for n in range(7)], source) for source in (1, 2)]

    def test_the_shares_are_the_weights(self) -> None:
        rows = list(itertools.islice(Mixture(self.sources(), [3.0, 1.0], 1).rows(0), 4000))
        assert sum(row.ids[0] < 200 for row in rows) / 4000 == pytest.approx(0.75, abs=0.03)

    def test_a_position_is_taken_up_again(self) -> None:
        whole = list(itertools.islice(Mixture(self.sources(), [3.0, 1.0], 1).rows(0), 4300))
        assert list(itertools.islice(Mixture(self.sources(), [3.0, 1.0], 1).rows(0, 4200), 100)) == whole[4200:]

    def test_an_empty_source_is_refused(self) -> None:
        with pytest.raises(TrainingError, match="empty"):
            Mixture([ListedRows([], 1)], [1.0], 1)


class TestPacking:
    def test_each_token_but_the_first_is_learned_once(self) -> None:
        packed = PackedRows(corpus(), 16, 1)
        labels = np.concatenate([np.asarray(packed.row(index).labels) for index in range(len(packed))])
        assert np.array_equal(labels, corpus().tokens[1:])

    def test_an_epoch_has_every_window(self) -> None:
        packed = PackedRows(corpus(), 16, 1)
        assert sum(len(row.ids) for row in packed.rows(3)) == len(corpus().tokens) - 1

    def test_only_the_last_window_is_short(self) -> None:
        packed = PackedRows(corpus(), 16, 1)
        assert all(len(packed.row(index).ids) == 16 for index in range(len(packed) - 1))


class TestMasking:
    def masked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ids = np.arange(1000, 21000)
        masking = Masking(MASK, np.arange(5, 900), frozenset({START, END, MASK}), 0.15)
        return ids, *masking.apply(ids, np.random.default_rng(1))

    def test_fifteen_in_a_hundred_are_to_be_guessed(self) -> None:
        _ids, _masked, labels = self.masked()
        assert np.mean(labels != IGNORED) == pytest.approx(0.15, abs=0.001)

    def test_four_fifths_of_them_are_masked(self) -> None:
        _ids, masked, labels = self.masked()
        assert np.mean(masked[labels != IGNORED] == MASK) == pytest.approx(0.8, abs=0.02)

    def test_a_tenth_of_them_is_another_token(self) -> None:
        _ids, masked, labels = self.masked()
        assert np.mean(masked[labels != IGNORED] < 900) - 0.8 == pytest.approx(0.1, abs=0.02)

    def test_labels_say_what_stood_there(self) -> None:
        ids, _masked, labels = self.masked()
        assert np.array_equal(labels[labels != IGNORED], ids[labels != IGNORED])

    def test_special_tokens_are_never_masked(self) -> None:
        masking = Masking(MASK, np.arange(5, 900), frozenset({START, END, MASK}), 0.5)
        _masked, labels = masking.apply([START, 7, END, 8, END], np.random.default_rng(1))
        assert labels[[0, 2, 4]].tolist() == [IGNORED] * 3


class TestPairs:
    def test_half_of_the_pairs_follow(self) -> None:
        labels = [row.label for row in pairs().rows(0)]
        assert np.mean([label == FOLLOWS for label in labels]) == pytest.approx(0.5, abs=0.05)

    def test_no_pair_is_longer_than_the_sequence(self) -> None:
        assert max(len(row.ids) for row in pairs().rows(0)) <= 28

    def test_the_second_part_follows_where_it_says_so(self) -> None:
        for row in pairs().rows(0):
            if row.label == FOLLOWS:
                ids = unmasked(row)
                cut_at = ids.index(END)
                last, following = ids[cut_at - 1], ids[cut_at + 1]
                assert (following // 10, last % 10, following % 10) == (last // 10 + 1, 4, 0)

    def test_a_random_second_part_is_of_another_document(self) -> None:
        for row in pairs().rows(0):
            if row.label == RANDOM:
                ids = unmasked(row)
                assert ids[1] // 1000 != ids[ids.index(END) + 1] // 1000

    def test_segments_tell_the_parts_apart(self) -> None:
        row = next(pairs().rows(0))
        assert list(row.segments).index(1) == unmasked(row).index(END) + 1

    def test_without_pairs_no_token_is_lost(self) -> None:
        seen = [token for row in pairs(pairs=False).rows(0) for token in unmasked(row)[1:-1]]
        assert sorted(seen) == sorted(token for token in corpus().tokens.tolist() if token != END)

    def test_a_position_is_taken_up_again(self) -> None:
        whole = [unmasked(row) for row in pairs().rows(2)]
        assert [unmasked(row) for row in pairs().rows(2, 11)] == whole[11:]


class TestDenoising:
    def test_the_share_that_is_gone(self) -> None:
        source = without_spans(list(range(10, 410)), MASK, 0.15, np.random.default_rng(1))
        assert 400 - sum(token != MASK for token in source) == 60

    def test_what_is_left_keeps_its_order(self) -> None:
        source = [t for t in without_spans(list(range(10, 410)), MASK, 0.3, np.random.default_rng(1)) if t != MASK]
        assert source == sorted(source)

    def test_a_span_is_one_mask(self) -> None:
        source = without_spans(list(range(10, 410)), MASK, 0.3, np.random.default_rng(1))
        assert all((a, b) != (MASK, MASK) for a, b in itertools.pairwise(source))


class TestSchedule:
    def factors(self) -> list[float]:
        return [learning_rate_factor(step, steps=100, warmup_steps=10, floor=0.05) for step in range(100)]

    def test_it_rises_to_its_highest(self) -> None:
        assert self.factors()[9] == 1.0 and self.factors()[0] == pytest.approx(0.1)

    def test_it_falls_to_its_floor(self) -> None:
        assert self.factors()[-1] == pytest.approx(0.05)

    def test_it_never_rises_again(self) -> None:
        falling = self.factors()[9:]
        assert falling == sorted(falling, reverse=True)
