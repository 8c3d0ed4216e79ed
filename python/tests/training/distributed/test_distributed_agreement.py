import json
import subprocess
import sys
from pathlib import Path

from process_fixtures import free_port, needs_jax

pytestmark = needs_jax

_SCRIPT = """
import json, os, sys
from pathlib import Path
import numpy as np
from placa.core.errors import PlacaError
from placa.training.batches import Share
from placa.training.distributed import agreement, collectives

address, process, here = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
collectives.join(address, 2, process, bind=address)
share = Share(process, 2)

def begins(state, complete=False):
    if process == 0:
        agreement.send_start(share, state, complete)
        return "sent"
    try:
        return agreement.receive_start(share, state)
    except PlacaError as error:
        return json.dumps([type(error).__name__, error.values])

def equal(numbers):
    try:
        agreement.require_equal_weights(share, [np.zeros(3, np.float32), np.array(numbers, np.float32)])
    except PlacaError as error:
        return json.dumps([type(error).__name__, error.values])
    return "equal"

results = [
    begins(here / "both"),
    begins(here / "nowhere"),
    begins(here / "both", complete=True),
    begins(here / ("both" if process else "other")),
    equal([1.0, 2.0]),
    equal([1.0, 2.0 + process * 2.4e-7]),
]
print(*results, sep="\\n", flush=True)
# os._exit, because at a normal exit JAX waits for the other process.
os._exit(0)
"""


def test_processes_start_with_one_state_and_end_with_identical_weights(tmp_path: Path) -> None:
    for place, content in (("both", b"a"), ("other", b"b")):
        state = tmp_path / place / "network" / "state.npz"
        state.parent.mkdir(parents=True)
        state.write_bytes(content)
    address = f"127.0.0.1:{free_port()}"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, address, str(process), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in (0, 1)
    ]
    shown = [process.communicate(timeout=120) for process in started]
    first, second = ([line for line in out.splitlines() if not line.startswith("[Gloo]")] for out, _ in shown)
    assert first[:4] == ["sent"] * 4, shown
    assert second[:3] == ["True", "True", "False"], shown
    assert json.loads(second[3]) == ["StateNotSharedError", {"process": 1, "state": str(tmp_path / "both")}], shown
    for results in (first, second):
        assert results[4] == "equal"
        assert json.loads(results[5]) == ["WeightsDifferError", {"processes": [1]}], shown
