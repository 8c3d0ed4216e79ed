"""Connect JAX across several processes."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Sequence
from functools import partial


def join(
    coordinator: str, processes: int, process: int, devices: Sequence[int] | None = None, bind: str | None = None
) -> None:
    """Connect this process to the JAX process group. Call it before any other use of JAX.

    Args:
        coordinator: Address of process 0, ``HOST:PORT``.
        processes: Number of processes.
        process: Number of this process, from 0.
        devices: GPUs of the machine for this process; by default all.
        bind: Address on which process 0 listens, if it is not `coordinator`.
    """
    _set_address(_own_address(coordinator))
    # Keras has no option for the timeouts and the GPUs, so that JAX is called directly.
    importlib.import_module("jax").distributed.initialize(
        coordinator_address=coordinator,
        num_processes=processes,
        process_id=process,
        local_device_ids=devices,
        cluster_detection_method="deactivate",
        coordinator_bind_address=bind,
    )


def _own_address(coordinator: str) -> str:
    """Return the address of this machine on the route to the coordinator."""
    host, _, port = coordinator.rpartition(":")
    host = host.strip("[]")
    family, kind, protocol, _, place = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # Nothing is sent: connecting a UDP socket only selects a route.
        probe.connect(place)
        return str(probe.getsockname()[0])


def _set_address(address: str) -> None:
    """Set the address at which other processes reach the CPU collectives of JAX.

    By default they resolve the host name, which often has no address or an unreachable one, and JAX has no option for
    it. The function does nothing if JAX creates its collectives in another way.
    """
    library = getattr(importlib.import_module("jax._src.xla_bridge"), "_jax", None)
    make = getattr(library, "make_gloo_tcp_collectives", None)
    if make is not None and not isinstance(make, partial):
        library.make_gloo_tcp_collectives = partial(make, hostname=address)  # type: ignore[union-attr]
