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
from placa.training.distributed.process_group import Team
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


def connect_processes(team: Team, settings: dict[str, Any]) -> ConnectedGroup:
    """Wait until all processes are connected, and check that they have the same settings.

    Args:
        team: The process group.
        settings: Options, data and versions, which must be equal in all processes, by the names in error messages.

    Raises:
        PlacaError: A process does not connect, cannot be reached, or has other settings.
    """
    return _gather(team, settings) if team.process == 0 else _join(team, settings)


def _gather(team: Team, settings: dict[str, Any]) -> ConnectedGroup:
    links: list[PeerConnection] = []
    visible = {0: _visible()}
    hosts = {0: socket.gethostname()}
    deadline = time.monotonic() + team.patience
    with closing(_listen(team)) as server:
        try:
            while len(links) < team.processes - 1:
                link, hello = _accept(server, deadline, team, links)
                _require_same_settings(team, settings, link, hello, links)
                visible[link.process], hosts[link.process] = hello.get("visible"), link.host
                links.append(link)
        except BaseException as error:
            stopped = ProcessLostError("Process 0 stopped before training.", process=0, reason=type(error).__name__)
            refused = {"refused": error_to_json(error if isinstance(error, PlacaError) else stopped)}
            for link in links:
                link.send(refused)
                link.close()
            if isinstance(error, PlacaError):
                _refuse_late(server, refused, team.processes - 2 - len(links))
            raise
    coordinator = _with_port(team.host, _free_port())
    for link in links:
        link.send({"go": coordinator, "devices": _devices(link.process, hosts, visible)})
    return ConnectedGroup(links, coordinator, _bind(team.host, coordinator), _devices(0, hosts, visible))


def _accept(
    server: socket.socket, deadline: float, team: Team, links: list[PeerConnection]
) -> tuple[PeerConnection, dict[str, Any]]:
    while True:
        server.settimeout(max(deadline - time.monotonic(), 0.01))
        try:
            connection, _ = server.accept()
        except TimeoutError as error:
            connected = {0, *(link.process for link in links)}
            missing = [i for i in range(team.processes) if i not in connected]
            raise MissingProcessError(
                f"Process {', '.join(map(str, missing))} of {team.processes} did not connect to {team.address} within "
                f"{team.patience:.0f} s. Start placa train once per process, with the same --processes and its own "
                "--process-id.",
                missing=missing,
                processes=team.processes,
                address=team.address,
                seconds=team.patience,
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
    team: Team, settings: dict[str, Any], link: PeerConnection, hello: dict[str, Any], links: list[PeerConnection]
) -> None:
    problem, name, mine, theirs = None, "", None, None
    if hello["processes"] != team.processes:
        problem = f"P{str(link)[1:]} has {hello['processes']} processes, process 0 has {team.processes}"
        name, mine, theirs = "--processes", team.processes, hello["processes"]
    elif not 0 < link.process < team.processes or any(link.process == other.process for other in links):
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


def _join(team: Team, settings: dict[str, Any]) -> ConnectedGroup:
    link = PeerConnection(_connect(team), 0, team.host)
    link.send(
        {
            "process": team.process,
            "processes": team.processes,
            "host": socket.gethostname(),
            "visible": _visible(),
            "terms": settings,
        }
    )
    try:
        # Process 0 waits equally long for the last process.
        reply = link.receive(team.patience + _HELLO_SECONDS)
    except OSError as error:
        link.close()
        raise ProcessLostError(
            f"Process 0 (at {team.address}) ended before all processes connected. Start all processes again.",
            process=0,
            reason=str(error),
        ) from error
    if "go" not in reply:
        link.close()
        refused = reply.get("refused")
        raise error_from_json(refused if isinstance(refused, dict) else {"message": refused})
    return ConnectedGroup([link], str(reply["go"]), "", reply.get("devices"))


def _connect(team: Team) -> socket.socket:
    deadline = time.monotonic() + team.patience
    while True:
        try:
            return socket.create_connection((team.host, team.port), timeout=10)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise _unknown_host(team.host) from error
            reason = str(error.strerror)
        except OSError as error:
            reason = error.strerror or str(error)
        if time.monotonic() > deadline:
            raise UnreachableProcessError(
                f"Process 0 cannot be reached at {team.address} within {team.patience:.0f} s ({reason}). Start it with "
                "the same --processes, and check the network between the machines.",
                address=team.address,
                seconds=team.patience,
                reason=reason,
            )
        time.sleep(0.2)


def _unknown_host(host: str) -> UnknownHostError:
    return UnknownHostError(
        f"Unknown host {host}. The first address in --processes must be that of process 0.",
        host=host,
    )


def _listen(team: Team) -> socket.socket:
    try:
        socket.create_server((team.host, 0), family=_family(team.host)).close()
    except socket.gaierror as error:
        raise _unknown_host(team.host) from error
    except OSError as error:
        raise ForeignAddressError(
            f"{team.host} is not an address of this machine. Start process 0 on the machine of the first address in "
            "--processes, or change their order.",
            host=team.host,
        ) from error
    try:
        # The host name often resolves to loopback, which other machines cannot reach.
        if not _is_loopback(team.host) and socket.has_dualstack_ipv6():
            return socket.create_server(("", team.port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(
            (team.host if _is_loopback(team.host) else "", team.port), family=_family(team.host)
        )
    except OSError as error:
        raise PortUnavailableError(
            f"Process 0 cannot listen on port {team.port} ({error.strerror}). Choose another port in the first address "
            "of --processes, as HOST:PORT.",
            port=team.port,
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
