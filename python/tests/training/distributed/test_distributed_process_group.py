from pathlib import Path
from typing import Any

import pytest
from raising import raises

from placa.training.distributed import ProcessGroup, find_process_group, started_without_srun
from placa.training.distributed.nodes import host_names, written_out
from placa.training.distributed.process_group import DEFAULT_PORT
from placa.training.errors import (
    AddressError,
    LauncherVariablesError,
    NodeListError,
    ProcessIdError,
    ProcessOptionsError,
    SlurmVariablesError,
)


@pytest.mark.parametrize(
    ("compressed", "names"),
    [
        ("login1", ["login1"]),
        ("a1,b[2-3]", ["a1", "b2", "b3"]),
        ("gpu[001-003,007]", ["gpu001", "gpu002", "gpu003", "gpu007"]),
        ("gpu[9-11]", ["gpu9", "gpu10", "gpu11"]),
        ("gpu[098-101]-ib,x", ["gpu098-ib", "gpu099-ib", "gpu100-ib", "gpu101-ib", "x"]),
        ("r[1-2]n[01-02]", ["r1n01", "r1n02", "r2n01", "r2n02"]),
        ("node-3.cluster.org", ["node-3.cluster.org"]),
    ],
)
def test_a_compressed_node_list_is_expanded(compressed: str, names: list[str]) -> None:
    assert written_out(compressed) == names


@pytest.mark.parametrize(
    "compressed", ["", "gpu[1-", "gpu]1[", "gpu[3-1]", "gpu[a-b]", "gpu[]", ",", "gpu[1-]", "gpu[1_0]"]
)
def test_an_invalid_node_list_is_an_error(compressed: str) -> None:
    with raises(NodeListError, nodes=compressed):
        written_out(compressed)


def test_scontrol_expands_the_node_list_if_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scontrol = tmp_path / "scontrol"
    scontrol.write_text('#!/bin/sh\n[ "$1 $2" = "show hostnames" ] && echo "expanded-$3" && echo second\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert host_names("a[1-2]") == ["expanded-a[1-2]", "second"]
    scontrol.write_text("#!/bin/sh\nexit 1\n")
    assert host_names("a[1-2]") == ["a1", "a2"]


STEP = {
    "SLURM_JOB_ID": "1234567",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "gpu[07-09]",
    "SLURM_JOB_NODELIST": "gpu[05-09]",
    "SLURM_NTASKS": "3",
    "SLURM_PROCID": "2",
}


def test_slurm_variables_define_the_process_group() -> None:
    process_group = find_process_group(environment=STEP)
    assert process_group is not None
    assert (process_group.host, process_group.processes, process_group.process) == ("gpu07", 3, 2)
    assert 1024 < process_group.port < 32768
    assert find_process_group(environment={**STEP, "SLURM_PROCID": "0"}).port == process_group.port
    assert find_process_group(environment={**STEP, "SLURM_STEP_ID": "1"}).port != process_group.port
    without_step = {name: value for name, value in STEP.items() if "STEP" not in name}
    assert find_process_group(environment=without_step).host == "gpu05"


def test_options_take_precedence_over_slurm() -> None:
    assert find_process_group("a:7000,b", 1, STEP) == ProcessGroup("a", 7000, 2, 1)
    assert find_process_group("a,b:7000", 0, STEP) == ProcessGroup("a", DEFAULT_PORT, 2, 0)
    assert find_process_group("[fe80::1]:7000,b", 0) == ProcessGroup("fe80::1", 7000, 2, 0)
    assert find_process_group("[fe80::1]:7000,b", 0).address == "[fe80::1]:7000"


def test_a_single_process_has_no_group() -> None:
    assert find_process_group(environment={}) is None
    assert find_process_group("a", 0, STEP) is None
    assert find_process_group(environment={**STEP, "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}) is None


def test_a_batch_script_is_not_a_task() -> None:
    script = {name: value for name, value in STEP.items() if "STEP" not in name}
    script |= {"ENVIRONMENT": "BATCH", "SLURM_PROCID": "0"}
    assert find_process_group(environment=script) is None
    assert started_without_srun(script) == 3
    # Tasks of srun inherit the variables of the script.
    started = {**STEP, "ENVIRONMENT": "BATCH"}
    assert find_process_group(environment=started).processes == 3
    assert started_without_srun(started) == started_without_srun({}) == 0


@pytest.mark.parametrize(
    ("addresses", "process", "error", "values"),
    [
        ("a,b", None, ProcessOptionsError, {"given": "--processes", "missing": "--process-id"}),
        (None, 1, ProcessOptionsError, {"given": "--process-id", "missing": "--processes"}),
        ("a,b", 2, ProcessIdError, {"process": 2, "processes": 2}),
        ("a,b", -1, ProcessIdError, {"process": -1, "processes": 2}),
        ("a,,b", 0, AddressError, {"address": "a,,b"}),
        ("a:x,b", 0, AddressError, {"address": "a:x"}),
        ("a:70000,b", 0, AddressError, {"address": "a:70000"}),
        (":7000,b", 0, AddressError, {"address": ":7000"}),
    ],
)
def test_incomplete_process_options_are_an_error(
    addresses: str | None, process: int | None, error: Any, values: dict[str, Any]
) -> None:
    with raises(error, **values):
        find_process_group(addresses, process, {})


def test_inconsistent_slurm_variables_are_an_error() -> None:
    with raises(SlurmVariablesError) as caught:
        find_process_group(environment={**STEP, "SLURM_PROCID": "3"})
    variables = caught.value.values["variables"]
    assert (variables["SLURM_PROCID"], variables["SLURM_NTASKS"]) == ("3", "3")


TORCHRUN = {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "3", "OMPI_COMM_WORLD_LOCAL_SIZE": "1"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (TORCHRUN, ProcessGroup("node1", 29500, 4, 1)),
        # A launcher in a SLURM task inherits the variables of the task.
        ({**STEP, **TORCHRUN}, ProcessGroup("node1", 29500, 4, 1)),
        ({**TORCHRUN, "TORCHELASTIC_USE_AGENT_STORE": "True"}, ProcessGroup("node1", 29501, 4, 1)),
        ({name: TORCHRUN[name] for name in list(TORCHRUN)[:3]}, ProcessGroup("node1", DEFAULT_PORT, 4, 1)),
        ({**OPEN_MPI, "MASTER_ADDR": "node1"}, ProcessGroup("node1", DEFAULT_PORT, 3, 2)),
        ({**OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE": "3"}, ProcessGroup("127.0.0.1", DEFAULT_PORT, 3, 2)),
        # mpirun starts its daemons with srun, one per machine.
        ({**STEP, **OPEN_MPI, "SLURM_PROCID": "0"}, ProcessGroup("gpu05", DEFAULT_PORT, 3, 2)),
        ({**TORCHRUN, "RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"MASTER_ADDR": "node1", "MASTER_PORT": "29500"}, None),
        ({"WORLD_SIZE": "4"}, None),
    ],
)
def test_variables_of_torchrun_and_open_mpi_define_the_process_group(
    environment: dict[str, str], expected: ProcessGroup | None
) -> None:
    assert find_process_group(environment=environment) == expected


@pytest.mark.parametrize(
    "environment",
    [
        {**TORCHRUN, "RANK": "4"},
        {**TORCHRUN, "MASTER_PORT": "x"},
        {**TORCHRUN, "MASTER_ADDR": ""},
        {**TORCHRUN, "WORLD_SIZE": "-4"},
        {"RANK": "0", "WORLD_SIZE": "2"},
        OPEN_MPI,
    ],
)
def test_incomplete_variables_of_a_launcher_are_an_error(environment: dict[str, str]) -> None:
    with raises(LauncherVariablesError) as caught:
        find_process_group(environment=environment)
    for name, value in caught.value.values["variables"].items():
        assert value == environment.get(name, "")
