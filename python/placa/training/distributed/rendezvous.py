"""Before anything heavy is started: all processes meet at process 0, and make sure that they mean the same training.

A wrong address, a port that is taken, a process that never comes or comes with other options: each is one sentence,
before a network is built, and to all processes.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from placa.core.errors import PlacaError
from placa.training.distributed.connection import Link
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

#: Seconds in which one that has connected must say who it is.
_HELLO = 10.0
#: Seconds that process 0 stays to tell latecomers why nothing starts.
_LATE = 5.0


@dataclass(frozen=True)
class Met:
    """All processes are there.

    Attributes:
        links: To all others for process 0, to process 0 for the others.
        coordinator: The address at which JAX in all processes meets in turn.
        bind: Where JAX in process 0 listens for that.
        devices: Which of the GPUs that it sees this process trains on; None for all.
    """

    links: list[Link]
    coordinator: str
    bind: str
    devices: list[int] | None


def meet(team: Team, terms: dict[str, Any]) -> Met:
    """Wait until all processes are there, and mean the same.

    Args:
        team: Who trains together.
        terms: What must be the same for all, by a name that the user knows: options, data, versions.

    Raises:
        PlacaError: A process does not come, cannot be reached, or means another training.
    """
    return _gather(team, terms) if team.process == 0 else _join(team, terms)


def _gather(team: Team, terms: dict[str, Any]) -> Met:
    links: list[Link] = []
    visible = {0: _visible()}
    hosts = {0: socket.gethostname()}
    ends = time.monotonic() + team.patience
    with closing(_listen(team)) as door:
        try:
            while len(links) < team.processes - 1:
                link, hello = _next(door, ends, team, links)
                _require_the_same(team, terms, link, hello, links)
                visible[link.process], hosts[link.process] = hello.get("visible"), link.host
                links.append(link)
        except BaseException as error:
            stopped = ProcessLostError("Process 0 stopped before training.", process=0, reason=type(error).__name__)
            refused = {"refused": error_to_json(error if isinstance(error, PlacaError) else stopped)}
            for link in links:
                link.send(refused)
                link.close()
            if isinstance(error, PlacaError):
                _tell_late(door, refused, team.processes - 2 - len(links))
            raise
    coordinator = _with_port(team.host, _free_port())
    for link in links:
        link.send({"go": coordinator, "devices": _devices(link.process, hosts, visible)})
    return Met(links, coordinator, _bind(team.host, coordinator), _devices(0, hosts, visible))


def _next(door: socket.socket, ends: float, team: Team, links: list[Link]) -> tuple[Link, dict[str, Any]]:
    while True:
        door.settimeout(max(ends - time.monotonic(), 0.01))
        try:
            connection, _ = door.accept()
        except TimeoutError as error:
            there = {0, *(link.process for link in links)}
            missing = [i for i in range(team.processes) if i not in there]
            raise MissingProcessError(
                f"Process {', '.join(map(str, missing))} of {team.processes} did not connect to {team.address} within "
                f"{team.patience:.0f} s. Start placa train once per process, with the same --processes and its own "
                "--process-id.",
                missing=missing,
                processes=team.processes,
                address=team.address,
                seconds=team.patience,
            ) from error
        link = Link(connection)
        try:
            hello = link.receive(_HELLO)
            link.process, link.host = int(hello["process"]), str(hello["host"])
            if isinstance(hello["terms"], dict) and isinstance(hello["processes"], int):
                return link, hello
        except (OSError, KeyError, TypeError, ValueError):
            pass
        # Port scanners and the like.
        link.close()


def _tell_late(door: socket.socket, refused: dict[str, Any], missing: int) -> None:
    """Tell those that come in the next moment too, who would wait for minutes at a closed door."""
    ends = time.monotonic() + _LATE
    while missing > 0 and time.monotonic() < ends:
        door.settimeout(max(ends - time.monotonic(), 0.01))
        try:
            link = Link(door.accept()[0])
            # Hung up on before its own greeting is read, it would not read the answer.
            link.receive(max(ends - time.monotonic(), 0.01))
        except OSError:
            continue
        link.send(refused)
        link.close()
        missing -= 1


def _require_the_same(team: Team, terms: dict[str, Any], link: Link, hello: dict[str, Any], links: list[Link]) -> None:
    problem, name, mine, theirs = None, "", None, None
    if hello["processes"] != team.processes:
        problem = f"P{str(link)[1:]} has {hello['processes']} processes, process 0 has {team.processes}"
        name, mine, theirs = "--processes", team.processes, hello["processes"]
    elif not 0 < link.process < team.processes or any(link.process == other.process for other in links):
        problem = f"Two processes have --process-id {link.process}, the second on {link.host}"
        name, theirs = "--process-id", link.process
    else:
        for name in sorted({*terms, *hello["terms"]}):
            mine, theirs = terms.get(name), hello["terms"].get(name)
            if mine != theirs:
                problem = f"P{str(link)[1:]} has {name} {theirs}, process 0 has {mine}"
                break
    if problem:
        sentence = f"{problem}. Start all with the same command, data and versions, each with its own --process-id."
        error = ProcessMismatchError(sentence, process=link.process, name=name, expected=mine, received=theirs)
        link.send({"refused": error_to_json(error)})
        link.close()
        raise error


def _join(team: Team, terms: dict[str, Any]) -> Met:
    link = Link(_connect(team), 0, team.host)
    link.send(
        {
            "process": team.process,
            "processes": team.processes,
            "host": socket.gethostname(),
            "visible": _visible(),
            "terms": terms,
        }
    )
    try:
        # Process 0 waits as long for the last of the others.
        answer = link.receive(team.patience + _HELLO)
    except OSError as error:
        link.close()
        raise ProcessLostError(
            f"Process 0 (at {team.address}) ended before all processes connected. Start all processes again.",
            process=0,
            reason=str(error),
        ) from error
    if "go" not in answer:
        link.close()
        refused = answer.get("refused")
        raise error_from_json(refused if isinstance(refused, dict) else {"message": refused})
    return Met([link], str(answer["go"]), "", answer.get("devices"))


def _connect(team: Team) -> socket.socket:
    ends = time.monotonic() + team.patience
    while True:
        try:
            return socket.create_connection((team.host, team.port), timeout=10)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise _unknown_host(team.host) from error
            reason = str(error.strerror)
        except OSError as error:
            reason = error.strerror or str(error)
        if time.monotonic() > ends:
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
        # A machine's own name often leads to its loopback alone, where no other machine could come.
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
    """Which GPUs a process takes of those that it sees, where several see the same ones of a machine."""
    beside = sorted(other for other in hosts if (hosts[other], visible[other]) == (hosts[process], visible[process]))
    shown = visible[process]
    if len(beside) == 1 or (shown is not None and len(shown.split(",")) < len(beside)):
        # SLURM shows each process of a machine its own GPUs, often under the same number.
        return None
    place = beside.index(process)
    each = len(shown.split(",")) // len(beside) if shown is not None else 1
    return list(range(place * each, (place + 1) * each))


def _visible() -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES") or None


def _free_port() -> int:
    with socket.create_server(("", 0)) as door:
        return int(door.getsockname()[1])


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
