"""Train one network in several processes on one machine or several, started by address or by SLURM.

Each process that a user starts is a supervisor (`supervisor`). It connects to the other processes (`rendezvous`),
checks that all have the same settings, and starts a worker that trains (`placa.workflows.train_worker`) with Keras on
JAX. The supervisors stay connected (`heartbeat`): when one ends, all others end with an error message.
"""

from placa.training.distributed.process_group import ProcessGroup, find_process_group, started_without_srun
from placa.training.distributed.supervisor import Job, train_together

__all__ = ["Job", "ProcessGroup", "find_process_group", "started_without_srun", "train_together"]
