"""The lookup tables of Rasa's training data."""

from __future__ import annotations

from typing import Dict, List, Text

from rasa.nlu.utils.pattern_utils import read_lookup_table_file
from rasa.shared.nlu.training_data.training_data import TrainingData


def lookup_tables(training_data: TrainingData) -> Dict[Text, List[Text]]:
    """The entries of each table by its name; a table holds them itself, or names a file with one a line."""
    found: Dict[Text, List[Text]] = {}
    for table in training_data.lookup_tables:
        elements = table["elements"]
        entries = elements if isinstance(elements, list) else read_lookup_table_file(elements)
        found.setdefault(table["name"], []).extend(entries)
    return found
