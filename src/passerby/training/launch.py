"""Several processes of this machine, started as torchrun starts them, with our lines alone told."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from uuid import uuid4

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch


def run_together(count: int, command: Sequence[str]) -> int:
    """Runs `python -m passerby COMMAND` in `count` processes; 0 where all end well, else the exit
    code of one that did not.

    The library below torchrun does it; its report on processes that failed is left out, as one of
    ours has told why.
    """
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # its loggers below have levels of their own
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "passerby", *command)
    except ChildFailedError as error:
        codes = [failure.exitcode for failure in error.failures.values()]
        return max(codes) if max(codes) > 0 else 1
    except SignalException as stopped:
        return 128 + int(stopped.sigval)
    finally:
        logging.disable(before)
    return 0
