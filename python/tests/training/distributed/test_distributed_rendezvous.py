import json
import socket
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from process_fixtures import free_port
from raising import raises

from placa.core.errors import MachineError, PlacaError
from placa.training.distributed import ProcessGroup, heartbeat, rendezvous
from placa.training.distributed.connection import PeerConnection
from placa.training.distributed.heartbeat import Heartbeat
from placa.training.distributed.rendezvous import ConnectedGroup, connect_processes
from placa.training.distributed.supervisor import Job, shared_settings
from placa.training.errors import (
    ForeignAddressError,
    MissingProcessError,
    PortUnavailableError,
    ProcessMismatchError,
    UnknownHostError,
    UnreachableProcessError,
    error_from_json,
    error_to_json,
)
from placa.training.options import TrainOptions

TERMS = {"batch size": 32, "the prepared data": "sha256:a"}


def connect_all(process_groups: list[ProcessGroup], terms: list[dict]) -> list[Any]:
    """Connect all processes simultaneously; return the connected group or the error of each."""
    found: list[Any] = [None] * len(process_groups)

    def connect(i: int) -> None:
        try:
            found[i] = connect_processes(process_groups[i], terms[i])
        except PlacaError as error:
            found[i] = error

    threads = [threading.Thread(target=connect, args=(i,)) for i in range(len(process_groups))]
    for thread in reversed(threads):
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def assert_errors(found: list[Any], kind: type[PlacaError], **values: Any) -> None:
    """Assert that every process ends with this error."""
    for error in found:
        assert isinstance(error, PlacaError), found
        with raises(kind, **values):
            raise error


def process_groups(processes: int, timeout: float = 10.0) -> list[ProcessGroup]:
    port = free_port()
    return [ProcessGroup("127.0.0.1", port, processes, i, timeout) for i in range(processes)]


def test_processes_connect_despite_foreign_connections() -> None:
    three = process_groups(3)
    stranger = threading.Thread(target=_connect_foreign, args=(three[0].port,))
    stranger.start()
    joined = connect_all(three, [TERMS] * 3)
    stranger.join()
    assert all(isinstance(one, ConnectedGroup) for one in joined), joined
    assert sorted(link.process for link in joined[0].links) == [1, 2]
    assert len({one.coordinator for one in joined}) == 1
    assert joined[0].bind == joined[0].coordinator, "on loopback, JAX listens on loopback only"
    for one in joined:
        [link.close() for link in one.links]


def _connect_foreign(port: int) -> None:
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b'GET / HTTP/1.1\r\n\r\n{"process": "x"}\n[1]\n')
                connection.recv(100)
                return
        except OSError:
            time.sleep(0.01)


@pytest.mark.parametrize("sent", [b"", b"[1]\n", b'{"process": ', b"\xff\n", b"[" * 20_000 + b"\n"])
def test_an_invalid_message_is_an_error_of_the_connection(sent: bytes) -> None:
    own, other = socket.socketpair()
    other.sendall(sent)
    other.close()
    with pytest.raises((ConnectionResetError, ConnectionAbortedError)):
        PeerConnection(own).receive(5)


def test_different_options_are_an_error_in_all_processes() -> None:
    message = connect_all(process_groups(3), [TERMS, TERMS, {**TERMS, "batch size": 16}])
    assert_errors(message, ProcessMismatchError, process=2, name="batch size", expected=32, received=16)


def test_shared_settings_include_options_data_and_versions(prepared: Path, tmp_path: Path) -> None:
    one, other = (
        shared_settings(Job(prepared, tmp_path / "run", TrainOptions(label_smoothing=smoothing), False, False))
        for smoothing in (0.0, 0.1)
    )
    assert json.loads(json.dumps(one)) == one, "the settings are sent as JSON"
    assert {name for name in one if one[name] != other[name]} == {"label smoothing"}
    again = shared_settings(Job(prepared, tmp_path / "run", TrainOptions(), False, True))
    assert {name for name in one if one[name] != again[name]} == {"--resume"}
    message = connect_all(process_groups(2), [one, other])
    assert_errors(message, ProcessMismatchError, process=1, name="label smoothing", expected=0.0, received=0.1)


def test_duplicate_ids_and_different_counts_are_errors() -> None:
    first, second, _ = process_groups(3)
    message = connect_all([first, second, second], [TERMS] * 3)
    assert_errors(message, ProcessMismatchError, name="--process-id", received=1)
    two = process_groups(2)
    message = connect_all([two[0], ProcessGroup("127.0.0.1", two[0].port, 4, 1, 10.0)], [TERMS] * 2)
    assert_errors(message, ProcessMismatchError, name="--processes", expected=2, received=4)


def test_a_missing_process_is_an_error() -> None:
    three = process_groups(3, timeout=1.0)
    message = connect_all([three[0], three[2]], [TERMS] * 2)
    assert_errors(message, MissingProcessError, missing=[1], processes=3, seconds=1.0)
    two = process_groups(2, timeout=0.5)
    with raises(UnreachableProcessError, address=two[0].address, seconds=0.5):
        connect_processes(two[1], TERMS)


def test_an_occupied_port_and_wrong_addresses_are_immediate_errors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with raises(PortUnavailableError, port=port):
            connect_processes(ProcessGroup("127.0.0.1", port, 2, 0), TERMS)
    # 192.0.2.0/24 is unassigned (RFC 5737), and .invalid does not resolve (RFC 2606).
    with raises(ForeignAddressError, host="192.0.2.1"):
        connect_processes(ProcessGroup("192.0.2.1", 27182, 2, 0), TERMS)
    for process in (0, 1):
        with pytest.raises((UnknownHostError, UnreachableProcessError)) as caught:
            connect_processes(ProcessGroup("nowhere.invalid", 27182, 2, process, 0.5), TERMS)
        values = caught.value.values
        assert values.get("host") == "nowhere.invalid" or values.get("address") == "nowhere.invalid:27182"


def test_an_error_of_another_process_keeps_its_class_and_values() -> None:
    error = UnknownHostError("No host.", host="a", path=Path("b"))
    sent = json.loads(json.dumps(error_to_json(error)))
    with raises(UnknownHostError, host="a", path="b"):
        raise error_from_json(sent)
    for module in ("os", "placa.training.gone", "placa.training.errors"):
        with raises(MachineError, host="a"):
            raise error_from_json({**sent, "module": module, "class": "system"})


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ([None, None], [[0], [1]]),
        (["0,1,2,3", "0,1,2,3"], [[0, 1], [2, 3]]),
        # SLURM makes one GPU visible to each task, with its own number or as number 0.
        (["0", "1"], [None, None]),
        (["0", "0"], [None, None]),
    ],
)
def test_processes_of_one_machine_share_its_gpus(visible: list[str | None], expected: list[list[int] | None]) -> None:
    shown = dict(enumerate(visible))
    assert [rendezvous._devices(i, {0: "a", 1: "a"}, shown) for i in (0, 1)] == expected
    assert rendezvous._devices(1, {0: "a", 1: "b"}, shown) is None


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch):
    """Connect three processes, each with its heartbeat and its events."""
    monkeypatch.setattr(heartbeat, "BEAT", 0.2)
    monkeypatch.setattr(heartbeat, "SILENCE", 2.0)
    news = [SimpleQueue() for _ in range(3)]
    joined = connect_all(process_groups(3), [TERMS] * 3)
    lines = [Heartbeat(i, joined[i].links, news[i]) for i in range(3)]
    yield joined, lines, news
    for line in lines:
        line.close()


def test_all_processes_are_notified_when_all_are_done(three) -> None:
    _, lines, news = three
    for line in lines[1:]:
        line.done()
    with pytest.raises(Empty):
        news[1].get(timeout=0.5)
    lines[0].done()
    assert [one.get(timeout=5) for one in news] == [("all done", "")] * 3
    for line in lines:
        line.close()
    assert all(one.empty() for one in news)


def test_all_processes_are_notified_of_a_killed_or_failed_process(three) -> None:
    joined, _lines, news = three
    # As the kernel does with the connections of a killed process.
    joined[2].links[0].connection.shutdown(socket.SHUT_RDWR)
    for one in news[:2]:
        kind, sentence = one.get(timeout=5)
        assert kind == "ended" and "Process 2 " in sentence


def test_the_reason_of_a_failure_is_sent_to_the_others(three) -> None:
    _, lines, news = three
    lines[1].failed("Process 1 stopped: the disk is full.")
    assert news[0].get(timeout=5) == news[2].get(timeout=5) == ("ended", "Process 1 stopped: the disk is full.")


def test_a_process_without_heartbeat_is_detected(three) -> None:
    _, lines, news = three
    # The process sends and receives nothing, and its connection is not closed.
    lines[1]._closing.set()
    for one in (news[0], news[2]):
        kind, sentence = one.get(timeout=10)
        assert kind == "ended" and "Process 1 " in sentence and "2 s" in sentence
