"""One process or several: what the training loop needs of either."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import torch
from torch import Tensor, nn


class OneProcess:
    """No communication, no wrapper, no cost."""

    rank = 0
    processes = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    @property
    def first(self) -> bool:
        """Whether this process writes files and progress."""
        return self.rank == 0

    def prepare(self, module: nn.Module) -> nn.Module:
        """The module as it is called in training, on its device."""
        return module.to(self.device)

    def without_sync(self, module: nn.Module) -> contextlib.AbstractContextManager[Any]:
        """Within, gradients are added up here and not shared yet."""
        return contextlib.nullcontext()

    def add_up(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        return values

    def wait(self) -> None:
        """Until all processes are here."""

    def end(self) -> None:
        """Takes the connection down."""


class ManyProcesses(OneProcess):
    """Processes that `accelerate launch` or `torchrun` started, one a GPU (or on CPUs, through gloo)."""

    def __init__(self, device: torch.device) -> None:
        from accelerate import Accelerator, DistributedDataParallelKwargs

        # Heads that a step does not use (a class of rows that is missing) leave parameters without gradients.
        self._accelerator = Accelerator(
            cpu=device.type == "cpu",
            mixed_precision="no",  # the loop has its own autocast, the same as with one process
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=False)],
        )
        super().__init__(self._accelerator.device)
        self.rank = self._accelerator.process_index
        self.processes = self._accelerator.num_processes

    def prepare(self, module: nn.Module) -> nn.Module:
        prepared: nn.Module = self._accelerator.prepare_model(module)
        return prepared

    def without_sync(self, module: nn.Module) -> contextlib.AbstractContextManager[Any]:
        context: contextlib.AbstractContextManager[Any] = self._accelerator.no_sync(module)
        return context

    def add_up(self, values: Tensor) -> Tensor:
        summed: Tensor = self._accelerator.reduce(values.to(self.device), reduction="sum")
        return summed.to(values.device)

    def wait(self) -> None:
        self._accelerator.wait_for_everyone()

    def end(self) -> None:
        self._accelerator.end_training()
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def connect(device: torch.device) -> OneProcess:
    """The processes of this run, by what the launcher put into the environment."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return ManyProcesses(device)
    return OneProcess(device)
