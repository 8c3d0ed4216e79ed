"""Several processes, on one machine or many, that train one network: by address, or as SLURM started them.

Each process that a user starts is a light supervisor (`supervisor`). It meets the others (`rendezvous`), makes sure
that all mean the same, and lets a worker of its own train (`placa.workflows.train_worker`), with Keras on JAX. While
that goes on they stay connected (`heartbeat`): when one ends, all others do, in a sentence.
"""

from placa.training.distributed.process_group import Team, find_team, started_without_srun
from placa.training.distributed.supervisor import Job, train_together

__all__ = ["Job", "Team", "find_team", "started_without_srun", "train_together"]
