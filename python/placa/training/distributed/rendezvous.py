"""Connect all processes to process 0 before training, and check that they have the same settings.

A wrong address, an occupied port, a missing process or different options raise an error in all processes before a
network is built.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

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


def connect_processes(process_group: ProcessGroup, settings: dict[str, Any]) -> ConnectedGroup:
    """Wait until all processes are connected, and check that they have the same settings.

    Args:
        process_group: The process group.
        settings: Options, data and versions, which must be equal in all processes, by the names in error messages.

    Raises:
        PlacaError: A process does not connect, cannot be reached, or has other settings.
    """
    return _gather(process_group, settings) if process_group.process == 0 else _join(process_group, settings)


def _gather(process_group: ProcessGroup, settings: dict[str, Any]) -> ConnectedGroup:
    links: list[PeerConnection] = []
    visible = {0: _visible()}
    hosts = {0: socket.gethostname()}
    deadline = time.monotonic() + process_group.timeout
    with closing(_listen(process_group)) as server:
        try:
            while len(links) < process_group.processes - 1:
                link, hello = _accept(server, deadline, process_group, links)
                _require_same_settings(process_group, settings, link, hello, links)
                visible[link.process], hosts[link.process] = hello.get("visible"), link.host
                links.append(link)
        except BaseException as error:
            stopped = ProcessLostError("Process 0 stopped before training.", process=0, reason=type(error).__name__)
            refused = {"refused": error_to_json(error if isinstance(error, PlacaError) else stopped)}
            for link in links:
                link.send(refused)
                link.close()
            if isinstance(error, PlacaError):
                _refuse_late(server, refused, process_group.processes - 2 - len(links))
            raise
    coordinator = _with_port(process_group.host, _free_port())
    for link in links:
        link.send({"go": coordinator, "devices": _devices(link.process, hosts, visible)})
    return ConnectedGroup(links, coordinator, _bind(process_group.host, coordinator), _devices(0, hosts, visible))


def _accept(
    server: socket.socket, deadline: float, process_group: ProcessGroup, links: list[PeerConnection]
) -> tuple[PeerConnection, dict[str, Any]]:
    while True:
        server.settimeout(max(deadline - time.monotonic(), 0.01))
        try:
            connection, _ = server.accept()
        except TimeoutError as error:
            connected = {0, *(link.process for link in links)}
            missing = [i for i in range(process_group.processes) if i not in connected]
            raise MissingProcessError(
                f"Process {', '.join(map(str, missing))} of {process_group.processes} did not connect to "
                f"{process_group.address} within {process_group.timeout:.0f} s. Start placa train once per process, "
                "with the same --processes and its own --process-id.",
                missing=missing,
                processes=process_group.processes,
                address=process_group.address,
                seconds=process_group.timeout,
            ) from error
        link = PeerConnection(connection)
        try:
            hello = link.receive(_HELLO_SECONDS)
            link.process, link.host = int(hello["process"]), str(hello["host"])
            if isinstance(hello["terms"], dict) and isinstance(hello["processes"], int):
                return link, hello
        except (OSError, KeyError, TypeError, ValueError):
            pass
        # Not a process of placa, such as a port scanner.
        link.close()


def _refuse_late(server: socket.socket, refused: dict[str, Any], missing: int) -> None:
    """Send the error to processes that connect late, which would otherwise wait for minutes."""
    deadline = time.monotonic() + _LATE_SECONDS
    while missing > 0 and time.monotonic() < deadline:
        server.settimeout(max(deadline - time.monotonic(), 0.01))
        try:
            link = PeerConnection(server.accept()[0])
            # Read its first message, as it would otherwise not receive the reply.
            link.receive(max(deadline - time.monotonic(), 0.01))
        except OSError:
            continue
        link.send(refused)
        link.close()
        missing -= 1


def _require_same_settings(
    process_group: ProcessGroup,
    settings: dict[str, Any],
    link: PeerConnection,
    hello: dict[str, Any],
    links: list[PeerConnection],
) -> None:
    problem, name, mine, theirs = None, "", None, None
    if hello["processes"] != process_group.processes:
        problem = f"P{str(link)[1:]} has {hello['processes']} processes, process 0 has {process_group.processes}"
        name, mine, theirs = "--processes", process_group.processes, hello["processes"]
    elif not 0 < link.process < process_group.processes or any(link.process == other.process for other in links):
        problem = f"Two processes have --process-id {link.process}, the second on {link.host}"
        name, theirs = "--process-id", link.process
    else:
        for name in sorted({*settings, *hello["terms"]}):
            mine, theirs = settings.get(name), hello["terms"].get(name)
            if mine != theirs:
                problem = f"P{str(link)[1:]} has {name} {theirs}, process 0 has {mine}"
                break
    if problem:
        message = f"{problem}. Start all with the same command, data and versions, each with its own --process-id."
        error = ProcessMismatchError(message, process=link.process, name=name, expected=mine, received=theirs)
        link.send({"refused": error_to_json(error)})
        link.close()
        raise error


def _join(process_group: ProcessGroup, settings: dict[str, Any]) -> ConnectedGroup:
    link = PeerConnection(_connect(process_group), 0, process_group.host)
    link.send(
        {
            "process": process_group.process,
            "processes": process_group.processes,
            "host": socket.gethostname(),
            "visible": _visible(),
            "terms": settings,
        }
    )
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
    if "go" not in reply:
        link.close()
        refused = reply.get("refused")
        raise error_from_json(refused if isinstance(refused, dict) else {"message": refused})
    return ConnectedGroup([link], str(reply["go"]), "", reply.get("devices"))


def _connect(process_group: ProcessGroup) -> socket.socket:
    deadline = time.monotonic() + process_group.timeout
    while True:
        try:
            return socket.create_connection((process_group.host, process_group.port), timeout=10)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise _unknown_host(process_group.host) from error
            reason = str(error.strerror)
        except OSError as error:
            reason = error.strerror or str(error)
        if time.monotonic() > deadline:
            raise UnreachableProcessError(
                f"Process 0 cannot be reached at {process_group.address} within {process_group.timeout:.0f} s "
                f"({reason}). Start it with the same --processes, and check the network between the machines.",
                address=process_group.address,
                seconds=process_group.timeout,
                reason=reason,
            )
        time.sleep(0.2)


def _unknown_host(host: str) -> UnknownHostError:
    return UnknownHostError(
        f"Unknown host {host}. The first address in --processes must be that of process 0.",
        host=host,
    )


def _listen(process_group: ProcessGroup) -> socket.socket:
    try:
        socket.create_server((process_group.host, 0), family=_family(process_group.host)).close()
    except socket.gaierror as error:
        raise _unknown_host(process_group.host) from error
    except OSError as error:
        raise ForeignAddressError(
            f"{process_group.host} is not an address of this machine. Start process 0 on the machine of the first "
            "address in --processes, or change their order.",
            host=process_group.host,
        ) from error
    try:
        # The host name often resolves to loopback, which other machines cannot reach.
        host, port = process_group.host, process_group.port
        if not _is_loopback(host) and socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server((host if _is_loopback(host) else "", port), family=_family(host))
    except OSError as error:
        raise PortUnavailableError(
            f"Process 0 cannot listen on port {process_group.port} ({error.strerror}). Choose another port in the "
            "first address of --processes, as HOST:PORT.",
            port=process_group.port,
            reason=str(error.strerror),
        ) from error


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


def _visible() -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES") or None


def _free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(host: str, coordinator: str) -> str:
    if _is_loopback(host):
        return coordinator
    everywhere = "[::]" if socket.has_dualstack_ipv6() else "0.0.0.0"
    return f"{everywhere}:{coordinator.rpartition(':')[2]}"


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _family(host: str) -> socket.AddressFamily:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
