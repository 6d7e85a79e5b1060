"""The sentence encoder of this process: chosen by config.yml or the environment, loaded once."""

from __future__ import annotations

import functools
import os
from typing import Any, Mapping, Optional

from llm_component.encoder import load_encoder

ENCODER_VARIABLE = "FRONTDESK_ENCODER"

# Rasa makes a component anew for every graph it runs (fingerprint, training, inference): one copy of the weights is
# enough.
shared_encoder = functools.lru_cache(maxsize=2)(load_encoder)


def encoder_name(config: Mapping[str, Any]) -> Optional[str]:
    """The encoder that a component's `model` names, or the environment; None is the packaged one."""
    return config.get("model") or os.environ.get(ENCODER_VARIABLE) or None
