"""Several processes, on one machine or many, that train one network: by address, or as SLURM started them.

Each process that a user starts is a light supervisor (`supervisor`). It meets the others (`meeting`), makes sure that
all mean the same, and lets a worker of its own train (`worker`), with Keras on JAX. While that goes on they stay
connected (`lifeline`): when one ends, all others do, in a sentence.
"""

from placa.train.processes.supervisor import Job, train_together
from placa.train.processes.team import Team, find_team, started_without_srun

__all__ = ["Job", "Team", "find_team", "started_without_srun", "train_together"]
