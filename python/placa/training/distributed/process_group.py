"""Who trains together: from what was typed, or from what SLURM says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from placa.training.distributed.nodes import host_names
from placa.training.errors import AddressError, ProcessIdError, ProcessOptionsError, SlurmVariablesError

#: Where process 0 waits for the others if no port is given: below those that systems hand out by themselves.
DEFAULT_PORT = 27182
#: Seconds until a process that has not come is given up.
PATIENCE = 300.0


@dataclass(frozen=True)
class Team:
    """Several processes, on one machine or many, that train one network together.

    Attributes:
        host: The machine of process 0, as all others reach it.
        port: Where process 0 waits for them.
        processes: How many there are.
        process: The number of this one, from 0.
        patience: Seconds until a process that has not come is given up.
    """

    host: str
    port: int
    processes: int
    process: int
    patience: float = PATIENCE

    @property
    def address(self) -> str:
        """Where the processes meet, as ``HOST:PORT``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def find_team(
    addresses: str | None = None, process: int | None = None, environment: Mapping[str, str] = os.environ
) -> Team | None:
    """Find out with whom this process trains.

    Args:
        addresses: One ``HOST`` or ``HOST:PORT`` a process, with commas between; the first is where they meet.
        process: Which of them this process is, from 0.
        environment: Where SLURM says both, if they are not given.

    Returns:
        The team, or None where this process trains alone.

    Raises:
        PlacaError: One of the two was given without the other, or makes no sense.
    """
    if addresses is None and process is None:
        return _slurm_team(environment)
    if addresses is None or process is None:
        given, missing = ("--processes", "--process-id") if process is None else ("--process-id", "--processes")
        raise ProcessOptionsError(
            f"{given} needs {missing} too: the addresses of all processes, and the number of this one.",
            given=given,
            missing=missing,
        )
    all_addresses = [one.strip() for one in addresses.split(",")]
    if not all(all_addresses):
        raise AddressError(f"--processes must be addresses separated by commas, got {addresses!r}.", address=addresses)
    if not 0 <= process < len(all_addresses):
        raise ProcessIdError(
            f"--process-id must be 0 to {len(all_addresses) - 1}, as --processes has {len(all_addresses)} addresses, "
            f"got {process}.",
            process=process,
            processes=len(all_addresses),
        )
    places = [_split(one) for one in all_addresses]
    return Team(*places[0], len(places), process) if len(places) > 1 else None


def started_without_srun(environment: Mapping[str, str] = os.environ) -> int:
    """How many tasks a SLURM batch script may start, where this process is the script itself and not one of them.

    Returns:
        The number, or 0 where there is nothing to warn of.
    """
    tasks = environment.get("SLURM_NTASKS", "1")
    in_script = _is_batch_script(environment) and tasks.isdigit()
    return int(tasks) if in_script and int(tasks) > 1 else 0


def _is_batch_script(environment: Mapping[str, str]) -> bool:
    # sbatch sets the number of tasks, and process number 0, in the script too, where nobody has started the others.
    return environment.get("ENVIRONMENT") == "BATCH" and "SLURM_STEP_NODELIST" not in environment


def _slurm_team(environment: Mapping[str, str]) -> Team | None:
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST")
    tasks = environment.get("SLURM_STEP_NUM_TASKS") or environment.get("SLURM_NTASKS")
    process = environment.get("SLURM_PROCID")
    if not nodes or not tasks or process is None or _is_batch_script(environment):
        return None
    job, step = environment.get("SLURM_JOB_ID", "0"), environment.get("SLURM_STEP_ID", "0")
    if not (tasks.isdigit() and process.isdigit() and job.isdigit() and step.isdigit() and int(process) < int(tasks)):
        raise SlurmVariablesError(
            f"The SLURM variables are inconsistent (SLURM_NTASKS={tasks}, SLURM_PROCID={process}, SLURM_JOB_ID={job}, "
            f"SLURM_STEP_ID={step}). Use --processes and --process-id.",
            variables={"SLURM_NTASKS": tasks, "SLURM_PROCID": process, "SLURM_JOB_ID": job, "SLURM_STEP_ID": step},
        )
    if int(tasks) == 1:
        return None
    # All processes come to the same port without a word; two steps of one job, or two jobs of a machine, to two.
    port = 20000 + (int(job) * 31 + int(step)) % 12000
    return Team(host_names(nodes)[0], port, int(tasks), int(process))


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
