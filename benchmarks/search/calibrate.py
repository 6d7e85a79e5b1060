"""Fits the score of knowledge_base/search/relevance.py on half of the shop's questions and chooses its threshold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.search.shop import FITTED_ON, Asked
from knowledge_base.encoder import Encoder
from knowledge_base.search.relevance import CALIBRATION, SIGNS

# Of the answerable questions so many may be refused; the aim on the other half is 5 %.
ANSWERABLE_REFUSED = 0.04
FOLDS = 10


def fit(asked: Sequence[Asked], encoder: Encoder, seed: int, file: Path = CALIBRATION) -> None:
    """Write weights and threshold for the search to read.

    The threshold is read off scores that the questions got from fits without them (10 folds): scores of the questions
    fitted on would promise too much.
    """
    chosen = [one for one in asked if one.question.half == FITTED_ON]
    signs = np.array([one.found.signs for one in chosen])  # (questions, signs)
    answerable = np.array([one.question.answerable for one in chosen])
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(model, signs, answerable, cv=folds, method="predict_proba")[:, 1]
    threshold = float(np.quantile(scores[answerable], ANSWERABLE_REFUSED, method="lower"))
    model.fit(signs, answerable)
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    fitted = {
        "encoder": encoder.fingerprint(),
        "weights": {sign: round(float(weight), 4) for sign, weight in zip(SIGNS, weights, strict=True)},
        "intercept": round(float(regression.intercept_[0] - weights @ scaler.mean_), 4),
        "threshold": round(threshold, 4),
    }
    file.write_text(json.dumps(fitted, indent=1) + "\n", encoding="utf-8")
