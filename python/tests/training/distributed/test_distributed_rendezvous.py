import json
import socket
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from process_fixtures import free_port

from placa.core.errors import PlacaError
from placa.training.distributed import Team, heartbeat, rendezvous
from placa.training.distributed.heartbeat import Lifeline
from placa.training.distributed.rendezvous import Met, meet
from placa.training.distributed.supervisor import Job, terms
from placa.training.options import TrainOptions

TERMS = {"batch size": 32, "the prepared data": "sha256:a"}


def met_by(teams: list[Team], terms: list[dict]) -> list[Met | str]:
    """What each of these processes comes to, all at once: the meeting, or what it is told."""
    found: list[Met | str] = [""] * len(teams)

    def come(i: int) -> None:
        try:
            found[i] = meet(teams[i], terms[i])
        except PlacaError as error:
            found[i] = str(error)

    threads = [threading.Thread(target=come, args=(i,)) for i in range(len(teams))]
    for thread in reversed(threads):
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def teams(processes: int, patience: float = 10.0) -> list[Team]:
    port = free_port()
    return [Team("127.0.0.1", port, processes, i, patience) for i in range(processes)]


def test_all_come_whoever_knocks_besides() -> None:
    three = teams(3)
    stranger = threading.Thread(target=_knock, args=(three[0].port,))
    stranger.start()
    met = met_by(three, [TERMS] * 3)
    stranger.join()
    assert all(isinstance(one, Met) for one in met), met
    assert sorted(link.process for link in met[0].links) == [1, 2]
    assert len({one.coordinator for one in met}) == 1
    assert met[0].bind == met[0].coordinator, "on loopback, nobody outside is listened to"
    for one in met:
        [link.close() for link in one.links]


def _knock(port: int) -> None:
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b'GET / HTTP/1.1\r\n\r\n{"process": "x"}\n[1]\n')
                connection.recv(100)
                return
        except OSError:
            time.sleep(0.01)


def test_other_options_are_told_to_all_before_anything_starts() -> None:
    told = met_by(teams(3), [TERMS, TERMS, {**TERMS, "batch size": 16}])
    assert all("Process 2 (on" in one and "has batch size 16, and process 0 has 32" in one for one in told), told


def test_what_is_compared_names_what_differs(prepared: Path, tmp_path: Path) -> None:
    one, other = (
        terms(Job(prepared, tmp_path / "run", TrainOptions(label_smoothing=smoothing), False, False))
        for smoothing in (0.0, 0.1)
    )
    assert json.loads(json.dumps(one)) == one, "it is sent as JSON"
    assert {name for name in one if one[name] != other[name]} == {"label smoothing"}
    again = terms(Job(prepared, tmp_path / "run", TrainOptions(), False, True))
    assert {name for name in one if one[name] != again[name]} == {"--resume"}
    told = met_by(teams(2), [one, other])
    assert all("has label smoothing 0.1, and process 0 has 0.0: start all" in said for said in told), told


def test_two_of_one_number_and_another_count_are_refused() -> None:
    first, second, _ = teams(3)
    told = met_by([first, second, second], [TERMS] * 3)
    assert all("Two processes came as number 1" in one for one in told), told
    two = teams(2)
    told = met_by([two[0], Team("127.0.0.1", two[0].port, 4, 1, 10.0)], [TERMS] * 2)
    assert all("was started for 4 processes, and process 0 for 2" in one for one in told), told


def test_one_that_never_comes_is_named() -> None:
    three = teams(3, patience=1.0)
    told = met_by([three[0], three[2]], [TERMS] * 2)
    assert all("Process 1 of 3 did not come" in one for one in told), told
    with pytest.raises(PlacaError, match="was not to be reached"):
        meet(teams(2, patience=0.5)[1], TERMS)


def test_a_port_that_is_taken_and_wrong_addresses_are_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door, pytest.raises(PlacaError, match="another port"):
        meet(Team("127.0.0.1", door.getsockname()[1], 2, 0), TERMS)
    # 192.0.2.0/24 is nobody's (RFC 5737), and .invalid no name (RFC 2606).
    with pytest.raises(PlacaError, match="is not an address of this machine"):
        meet(Team("192.0.2.1", 27182, 2, 0), TERMS)
    for process in (0, 1):
        with pytest.raises(PlacaError, match=r"no machine of the name nowhere\.invalid|was not to be reached"):
            meet(Team("nowhere.invalid", 27182, 2, process, 0.5), TERMS)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ([None, None], [[0], [1]]),
        (["0,1,2,3", "0,1,2,3"], [[0, 1], [2, 3]]),
        # SLURM shows each task its own GPU, under its number or as the first.
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
    """Three processes that have met, each with its lifeline and its news."""
    monkeypatch.setattr(heartbeat, "BEAT", 0.2)
    monkeypatch.setattr(heartbeat, "SILENCE", 2.0)
    news = [SimpleQueue() for _ in range(3)]
    met = met_by(teams(3), [TERMS] * 3)
    lines = [Lifeline(i, met[i].links, news[i]) for i in range(3)]
    yield met, lines, news
    for line in lines:
        line.close()


def test_all_hear_when_all_are_done(three) -> None:
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


def test_all_hear_of_one_that_is_killed_or_fails(three) -> None:
    met, _lines, news = three
    # What the kernel does with the connections of a process that it kills.
    met[2].links[0].connection.shutdown(socket.SHUT_RDWR)
    for one in news[:2]:
        kind, sentence = one.get(timeout=5)
        assert kind == "ended" and sentence.startswith("Process 2 (on") and "before the training did" in sentence


def test_a_reason_is_passed_on(three) -> None:
    _, lines, news = three
    lines[1].failed("Process 1 stopped: the disk is full.")
    assert news[0].get(timeout=5) == news[2].get(timeout=5) == ("ended", "Process 1 stopped: the disk is full.")


def test_a_machine_that_falls_silent_is_noticed(three) -> None:
    _, lines, news = three
    # It neither says nor hears anything any more, and nobody closes its connection.
    lines[1]._closing.set()
    for one in (news[0], news[2]):
        kind, sentence = one.get(timeout=10)
        assert kind == "ended" and "Process 1" in sentence and "not been heard of" in sentence
