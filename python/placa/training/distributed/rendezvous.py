"""Connect all processes to process 0 before training, and check that they have the same settings.

A wrong address, an occupied port, a missing process or different options raise an error in all processes before a
network is built.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import msgspec

from placa.core.errors import PlacaError
from placa.training.distributed.connection import PeerConnection
from placa.training.distributed.process_group import ProcessGroup
from placa.training.errors import (
    ForeignAddressError,
    MissingProcessError,
    PortUnavailableError,
    ProcessLostError,
    ProcessMismatchError,
    UnknownHostError,
    UnreachableProcessError,
    error_from_json,
    error_to_json,
)

#: Seconds within which a new connection must send its first message.
_HELLO_SECONDS = 10.0
#: Seconds that process 0 waits, after a failure, to send the error to processes that connect late.
_LATE_SECONDS = 5.0


@dataclass(frozen=True)
class ConnectedGroup:
    """The connections of a process group.

    Attributes:
        links: Connections of process 0 to all others, or of another process to process 0.
        coordinator: Address of the JAX coordinator, ``HOST:PORT``.
        bind: Address on which the JAX coordinator listens in process 0.
        devices: GPUs for this process among the visible ones; None for all.
    """

    links: list[PeerConnection]
    coordinator: str
    bind: str
    devices: list[int] | None


@dataclass(frozen=True)
class _Hello:
    """The first message of a process: its number and host, and what process 0 compares and distributes."""

    process: int
    host: str
    visible: str | None
    settings: dict[str, Any]


def connect_processes(process_group: ProcessGroup, settings: dict[str, Any]) -> ConnectedGroup:
    """Wait until all processes are connected, and check that they have the same settings.

    Args:
        process_group: The process group.
        settings: Options, data and versions, which must be equal in all processes, by the names in error messages.

    Raises:
        PlacaError: A process does not connect, cannot be reached, or has other settings.
    """
    compared = {"--processes": process_group.processes, **settings}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or None
    hello = _Hello(process_group.process, socket.gethostname(), visible, compared)
    return _join(process_group, hello) if process_group.process else _gather(process_group, hello)


def _gather(process_group: ProcessGroup, own: _Hello) -> ConnectedGroup:
    links: list[PeerConnection] = []
    hellos = {0: own}
    with closing(_listen(process_group)) as server:
        try:
            for link, hello in islice(_newcomers(server, process_group.timeout), process_group.processes - 1):
                links.append(link)
                _require_same_settings(hello, hellos)
                hellos[hello.process] = hello
            _require_all(process_group, hellos)
        except BaseException as error:
            stopped = ProcessLostError("Process 0 stopped before training.", process=0, reason=type(error).__name__)
            refused = {"refused": error_to_json(error if isinstance(error, PlacaError) else stopped)}
            for link in links:
                link.send(refused)
                link.close()
            if isinstance(error, ProcessMismatchError):
                # Processes that connect late would otherwise wait for minutes.
                missing = process_group.processes - 1 - len(links)
                for link, _ in islice(_newcomers(server, _LATE_SECONDS), missing):
                    link.send(refused)
                    link.close()
            raise
    coordinator = replace(process_group, port=_free_port())
    everywhere = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"
    bind = coordinator if _is_loopback(process_group.host) else replace(coordinator, host=everywhere)
    hosts = {process: hello.host for process, hello in hellos.items()}
    visible = {process: hello.visible for process, hello in hellos.items()}
    for link in links:
        link.send({"coordinator": coordinator.address, "devices": _devices(link.process, hosts, visible)})
    return ConnectedGroup(links, coordinator.address, bind.address, _devices(0, hosts, visible))


def _newcomers(server: socket.socket, seconds: float) -> Iterator[tuple[PeerConnection, _Hello]]:
    """Yield each process that connects within some seconds."""
    deadline = time.monotonic() + seconds
    while True:
        server.settimeout(max(deadline - time.monotonic(), 0.01))
        try:
            link = PeerConnection(server.accept()[0])
        except TimeoutError:
            return
        try:
            hello = msgspec.convert(link.receive(_HELLO_SECONDS), _Hello)
        except (OSError, msgspec.ValidationError):
            # Not a process of placa, such as a port scanner.
            link.close()
            continue
        link.process, link.host = hello.process, hello.host
        yield link, hello


def _require_same_settings(hello: _Hello, hellos: Mapping[int, _Hello]) -> None:
    """Compare a process with process 0, and its number with those of the connected processes."""
    own = hellos[0].settings
    names = sorted({*own, *hello.settings})
    name = next((name for name in names if own.get(name) != hello.settings.get(name)), "--process-id")
    expected, received = own.get(name), hello.settings.get(name)
    if name != "--process-id":
        problem = f"Process {hello.process} (on {hello.host}) has {name} {received}, process 0 has {expected}"
    elif hello.process in hellos or hello.process not in range(own["--processes"]):
        received = hello.process
        problem = f"Two processes have --process-id {received}, the second on {hello.host}"
    else:
        return
    message = f"{problem}. Start all with the same command, data and versions, each with its own --process-id."
    raise ProcessMismatchError(message, process=hello.process, name=name, expected=expected, received=received)


def _require_all(process_group: ProcessGroup, hellos: Mapping[int, _Hello]) -> None:
    count, address, seconds = process_group.processes, process_group.address, process_group.timeout
    missing = [process for process in range(count) if process not in hellos]
    if missing:
        message = (
            f"Process {', '.join(map(str, missing))} of {count} did not connect to {address} within {seconds:.0f} s. "
            "Start placa train once per process, with the same --processes and its own --process-id."
        )
        raise MissingProcessError(message, missing=missing, processes=count, address=address, seconds=seconds)


def _join(process_group: ProcessGroup, own: _Hello) -> ConnectedGroup:
    link = PeerConnection(_connect(process_group), 0, process_group.host)
    link.send(asdict(own))
    try:
        # Process 0 waits equally long for the last process.
        reply = link.receive(process_group.timeout + _HELLO_SECONDS)
    except OSError as error:
        link.close()
        raise ProcessLostError(
            f"Process 0 (at {process_group.address}) ended before all processes connected. Start all processes again.",
            process=0,
            reason=str(error),
        ) from error
    if "coordinator" not in reply:
        link.close()
        raise error_from_json(reply.get("refused", reply))
    return ConnectedGroup([link], reply["coordinator"], "", reply["devices"])


def _connect(process_group: ProcessGroup) -> socket.socket:
    address, seconds = process_group.address, process_group.timeout
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection((process_group.host, process_group.port), timeout=10)
        except UnicodeError as error:
            raise _unknown_host(process_group.host) from error
        except OSError as error:
            if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
                raise _unknown_host(process_group.host) from error
            reason = error.strerror or str(error)
        if time.monotonic() > deadline:
            message = (
                f"Process 0 cannot be reached at {address} within {seconds:.0f} s ({reason}). Start it with the same "
                "--processes, and check the network between the machines."
            )
            raise UnreachableProcessError(message, address=address, seconds=seconds, reason=reason)
        time.sleep(0.2)


def _unknown_host(host: str) -> UnknownHostError:
    message = f"Unknown host {host}. The first address in --processes must be that of process 0."
    return UnknownHostError(message, host=host)


def _listen(process_group: ProcessGroup) -> socket.socket:
    host, port = process_group.host, process_group.port
    try:
        family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, 0), family=family).close()
    except (socket.gaierror, UnicodeError) as error:
        raise _unknown_host(host) from error
    except OSError as error:
        raise ForeignAddressError(
            f"{host} is not an address of this machine. Start process 0 on the machine of the first address in "
            "--processes, or change their order.",
            host=host,
        ) from error
    try:
        if _is_loopback(host):
            return socket.create_server((host, port), family=family)
        # The host name often resolves to loopback, which other machines cannot reach.
        both = socket.has_dualstack_ipv6()
        return socket.create_server(("", port), family=socket.AF_INET6 if both else family, dualstack_ipv6=both)
    except OSError as error:
        message = (
            f"Process 0 cannot listen on port {port} ({error.strerror}). Choose another port in the first address of "
            "--processes, as HOST:PORT."
        )
        raise PortUnavailableError(message, port=port, reason=str(error.strerror)) from error


def _devices(process: int, hosts: dict[int, str], visible: dict[int, str | None]) -> list[int] | None:
    """Distribute the visible GPUs of a machine among the processes that see the same ones."""
    sharing = sorted(other for other in hosts if (hosts[other], visible[other]) == (hosts[process], visible[process]))
    shown = visible[process]
    if len(sharing) == 1 or (shown is not None and len(shown.split(",")) < len(sharing)):
        # SLURM makes only its own GPUs visible to each process, often under the same number.
        return None
    index = sharing.index(process)
    each = len(shown.split(",")) // len(sharing) if shown is not None else 1
    return list(range(index * each, (index + 1) * each))


def _free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"
