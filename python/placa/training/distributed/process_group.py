"""Find the process group: from the command line, or from the variables of torchrun, Open MPI or SLURM."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from placa.training.distributed.nodes import host_names
from placa.training.errors import (
    AddressError,
    LauncherVariablesError,
    ProcessIdError,
    ProcessOptionsError,
    SlurmVariablesError,
)

#: Default port of process 0, below the range of ephemeral ports.
DEFAULT_PORT = 27182
#: Seconds to wait for a process to connect.
TIMEOUT = 300.0


@dataclass(frozen=True)
class ProcessGroup:
    """A group of processes, on one machine or several, that train one network.

    Attributes:
        host: Host of process 0, reachable from all other processes.
        port: Port on which process 0 listens.
        processes: Number of processes.
        process: Number of this process, from 0.
        timeout: Seconds to wait for a process to connect.
    """

    host: str
    port: int
    processes: int
    process: int
    timeout: float = TIMEOUT

    @property
    def address(self) -> str:
        """The address of process 0, as ``HOST:PORT``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def find_process_group(
    addresses: str | None = None, process: int | None = None, environment: Mapping[str, str] = os.environ
) -> ProcessGroup | None:
    """Find the process group of this process.

    Args:
        addresses: One ``HOST`` or ``HOST:PORT`` per process, separated by commas; the first is that of process 0.
        process: Number of this process, from 0.
        environment: Environment variables, in which a launcher sets both if they are not given: torchrun ``RANK``,
            ``WORLD_SIZE`` and ``MASTER_ADDR``, Open MPI ``OMPI_COMM_WORLD_RANK``, SLURM ``SLURM_PROCID``.

    Returns:
        The process group, or None if this process trains alone.

    Raises:
        PlacaError: One of the two is given without the other, or a value is invalid.
    """
    if addresses is None and process is None:
        # A launcher inside a SLURM task inherits the variables of the task.
        return _launched_process_group(environment) or _slurm_process_group(environment)
    if addresses is None or process is None:
        given, missing = ("--processes", "--process-id") if process is None else ("--process-id", "--processes")
        message = f"{given} needs {missing} too: the addresses of all processes, and the number of this one."
        raise ProcessOptionsError(message, given=given, missing=missing)
    all_addresses = [one.strip() for one in addresses.split(",")]
    if not all(all_addresses):
        raise AddressError(f"--processes must be addresses separated by commas, got {addresses!r}.", address=addresses)
    count = len(all_addresses)
    if not 0 <= process < count:
        message = f"--process-id must be 0 to {count - 1}, as --processes has {count} addresses, got {process}."
        raise ProcessIdError(message, process=process, processes=count)
    places = [_split(one) for one in all_addresses]
    return ProcessGroup(*places[0], count, process) if count > 1 else None


def started_without_srun(environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of SLURM tasks if this process is the batch script itself and not started by srun.

    Args:
        environment: Environment variables.

    Returns:
        The number of tasks, or 0 if no warning is needed.
    """
    tasks = environment.get("SLURM_NTASKS", "1")
    in_script = _is_batch_script(environment) and tasks.isdigit()
    return int(tasks) if in_script and int(tasks) > 1 else 0


def _is_batch_script(environment: Mapping[str, str]) -> bool:
    # sbatch sets the number of tasks and process number 0 in the script too, where no other task runs.
    return environment.get("ENVIRONMENT") == "BATCH" and "SLURM_STEP_NODELIST" not in environment


def _launched_process_group(environment: Mapping[str, str]) -> ProcessGroup | None:
    mpi = "RANK" not in environment
    names = ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE") if mpi else ("RANK", "WORLD_SIZE")
    rank, size = (environment.get(name) for name in names)
    if rank is None or size is None or size == "1":
        return None
    host, port = environment.get("MASTER_ADDR"), environment.get("MASTER_PORT", str(DEFAULT_PORT))
    if host is None and mpi:
        host = _first_mpi_host(environment)
    if not host or not _are_numbers(rank, size, port) or int(rank) >= int(size) or not 0 < int(port) < 65535:
        variables = {name: environment.get(name, "") for name in (*names, "MASTER_ADDR", "MASTER_PORT")}
        listed = ", ".join(f"{name}={value}" for name, value in variables.items())
        raise LauncherVariablesError(
            f"The variables of the launcher are incomplete or inconsistent ({listed}). Set MASTER_ADDR to the host of "
            "process 0 in all processes, or use --processes and --process-id.",
            variables=variables,
        )
    # The agent of torchrun listens on MASTER_PORT itself.
    agent = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return ProcessGroup(host, int(port) + agent, int(size), int(rank))


def _first_mpi_host(environment: Mapping[str, str]) -> str | None:
    """Return the host of process 0 of Open MPI: this machine, or the first of the SLURM allocation."""
    if environment.get("OMPI_COMM_WORLD_LOCAL_SIZE") == environment["OMPI_COMM_WORLD_SIZE"]:
        return "127.0.0.1"
    nodes = environment.get("SLURM_JOB_NODELIST")
    return host_names(nodes)[0] if nodes else None


def _slurm_process_group(environment: Mapping[str, str]) -> ProcessGroup | None:
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST")
    tasks = environment.get("SLURM_STEP_NUM_TASKS") or environment.get("SLURM_NTASKS")
    process = environment.get("SLURM_PROCID")
    if not nodes or not tasks or process is None or _is_batch_script(environment):
        return None
    job, step = environment.get("SLURM_JOB_ID", "0"), environment.get("SLURM_STEP_ID", "0")
    if not _are_numbers(tasks, process, job, step) or int(process) >= int(tasks):
        raise SlurmVariablesError(
            f"The SLURM variables are inconsistent (SLURM_NTASKS={tasks}, SLURM_PROCID={process}, SLURM_JOB_ID={job}, "
            f"SLURM_STEP_ID={step}). Use --processes and --process-id.",
            variables={"SLURM_NTASKS": tasks, "SLURM_PROCID": process, "SLURM_JOB_ID": job, "SLURM_STEP_ID": step},
        )
    if int(tasks) == 1:
        return None
    # The port depends on job and step, so that all processes of a step agree on it, and other steps use another.
    port = 20000 + (int(job) * 31 + int(step)) % 12000
    return ProcessGroup(host_names(nodes)[0], port, int(tasks), int(process))


def _are_numbers(*values: str) -> bool:
    return all(value.isdigit() for value in values)


def _split(address: str) -> tuple[str, int]:
    host, port = address, ""
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        port = port.removeprefix(":")
    elif address.count(":") == 1:
        host, _, port = address.partition(":")
    if not host or (port and not (port.isdigit() and 0 < int(port) < 65536)):
        raise AddressError(f"Each address in --processes must be HOST or HOST:PORT, got {address!r}.", address=address)
    return host, int(port) if port else DEFAULT_PORT
