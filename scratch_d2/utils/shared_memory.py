"""How many processes may load data at a time if shared memory is scarce, as in containers."""

import logging
import os

WAITING = 3  # batches of a worker: two ahead, one in use
logger = logging.getLogger(__name__)


def workers_that_fit(workers: int, batch_bytes: int, folder: str = "/dev/shm") -> int:
    """Return how many workers can hand over their batches through shared memory; 0 loads without.

    Where it is full, a worker's batch is lost and training would wait for it for ever. The log
    says when there are fewer workers than asked for.

    Args:
        batch_bytes: what a batch takes at most.
        folder: where shared memory is mounted; elsewhere there is no such limit.
    """
    try:
        state = os.statvfs(folder)
    except (OSError, AttributeError):  # AttributeError: Windows
        return workers
    free = state.f_bavail * state.f_frsize
    fitting = min(workers, free // (WAITING * max(1, batch_bytes)))
    if fitting < workers:
        logger.warning(
            "%s has %d MB free, and each worker of the data loader may need %d MB: %d instead of "
            "DATALOADER.NUM_WORKERS %d are started; a container gets more by --shm-size",
            folder,
            free >> 20,
            (WAITING * batch_bytes) >> 20,
            fitting,
            workers,
        )
    return fitting
