"""JAX made one over several processes."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Sequence
from functools import partial


def join(
    coordinator: str, processes: int, process: int, devices: Sequence[int] | None = None, bind: str | None = None
) -> None:
    """Make this process one of several that JAX takes for one machine; before JAX is used for anything.

    Args:
        coordinator: Where process 0 waits, ``HOST:PORT``.
        processes: How many there are.
        process: The number of this one.
        devices: Which GPUs of its machine it takes; by default all of them.
        bind: Where process 0 listens, if not at `coordinator`.
    """
    _reached_at(_own_address(coordinator))
    # Keras has no word for the timeouts, nor for which GPUs, so this is one of the places that name JAX.
    importlib.import_module("jax").distributed.initialize(
        coordinator_address=coordinator,
        num_processes=processes,
        process_id=process,
        local_device_ids=devices,
        cluster_detection_method="deactivate",
        coordinator_bind_address=bind,
    )


def _own_address(coordinator: str) -> str:
    """The address of this machine on the way to the coordinator."""
    host, _, port = coordinator.rpartition(":")
    host = host.strip("[]")
    family, kind, protocol, _, place = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as looking:
        # Nothing is sent: the system is only asked which way it would go.
        looking.connect(place)
        return str(looking.getsockname()[0])


def _reached_at(address: str) -> None:
    """Tell JAX's collectives on CPUs where the others reach this process.

    By themselves they look up the machine's own name, which on many machines has no address, or one that no other
    machine reaches; and JAX passes no setting on to them. A JAX that makes them otherwise is left as it is.
    """
    library = getattr(importlib.import_module("jax._src.xla_bridge"), "_jax", None)
    make = getattr(library, "make_gloo_tcp_collectives", None)
    if make is not None and not isinstance(make, partial):
        library.make_gloo_tcp_collectives = partial(make, hostname=address)  # type: ignore[union-attr]
