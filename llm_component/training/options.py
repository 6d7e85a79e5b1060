"""Config dataclasses as command-line flags: each field says what it is for, once, where it is defined."""

from __future__ import annotations

import argparse
from dataclasses import field, fields
from typing import Any, TypeVar

from llm_component.training.errors import TrainingError

Config = TypeVar("Config")


def option(default: Any, says: str, *, choices: tuple[str, ...] = ()) -> Any:
    """A field of a config with its explanation; a tuple as default takes any number of values."""
    return field(default=default, metadata={"says": says, "choices": choices})


def add_options(parser: argparse.ArgumentParser, config: type) -> None:
    """A flag for each field, named as it is; flags that are not given leave the default."""
    for each in fields(config):
        flag = "--" + each.name.replace("_", "-")
        shown = f"{each.metadata['says']} (default: {each.default!r})".replace("%", "%%")
        if isinstance(each.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=shown)
        elif isinstance(each.default, tuple):
            parser.add_argument(flag, nargs="+", default=None, metavar="VALUE", help=shown)
        else:
            parser.add_argument(
                flag,
                type=type(each.default),
                default=None,
                choices=each.metadata["choices"] or None,
                metavar=None if each.metadata["choices"] else type(each.default).__name__.upper(),
                help=shown,
            )


def from_arguments(config: type[Config], arguments: argparse.Namespace) -> Config:
    """The config that the flags make."""
    values: dict[str, Any] = {}
    for each in fields(config):  # type: ignore[arg-type]
        given = getattr(arguments, each.name, None)
        if given is not None:
            values[each.name] = tuple(given) if isinstance(each.default, tuple) else given
    return config(**values)


def weighted(said: str) -> tuple[str, float]:
    """`name=2.5` as a name and its weight; without one it is 1.

    Raises:
        TrainingError: the weight is no number above 0.
    """
    name, mark, weight = said.rpartition("=")
    if not mark:
        return said, 1.0
    try:
        value = float(weight)
    except ValueError:
        return said, 1.0  # a path with an equals sign in it
    if not value > 0:
        raise TrainingError(f"{said}: a weight must be above 0; leave out what shall not be used")
    return name, value
