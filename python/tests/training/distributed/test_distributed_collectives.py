"""CPU collectives of JAX on a machine whose host name does not resolve, in a network namespace of its own."""

import json
import shutil
import subprocess
import sys

import pytest
from process_fixtures import needs_jax

pytestmark = needs_jax

_UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--uts"]
_PROCESS = """
import json, os, sys
from importlib import import_module
from placa.training.distributed import collectives

process, set_address = int(sys.argv[1]), sys.argv[2] == "True"
if not set_address:
    collectives._set_address = lambda address: None
collectives.join("127.0.0.1:20001", 2, process, bind="127.0.0.1:20001")
try:
    mine = import_module("numpy").array(process)
    gathered = import_module("jax.experimental.multihost_utils").process_allgather(mine)
    print(json.dumps(gathered.ravel().tolist()), file=sys.stderr, flush=True)
finally:
    # os._exit, because at a normal exit JAX waits for the other process.
    os._exit(0)
"""
_MACHINE = """
import fcntl, json, socket, struct, subprocess, sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    # SIOCSIFFLAGS with IFF_UP and IFF_RUNNING: a new namespace has only a loopback interface, which is down.
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x41))
socket.sethostname("name-without-address")
command = [sys.executable, "-c", sys.argv[1]]
started = [
    subprocess.Popen([*command, str(i), sys.argv[2]], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for i in (0, 1)
]
print(json.dumps([process.communicate(timeout=100)[1] for process in started]))
"""


def _gather_in_namespace(set_address: bool) -> list[str]:
    command = [*_UNSHARE, sys.executable, "-c", _MACHINE, _PROCESS, str(set_address)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return list(json.loads(done.stdout))


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode,
    reason="this machine does not allow new network namespaces (unshare --user --net --uts)",
)
def test_collectives_connect_although_the_host_name_has_no_address() -> None:
    assert [shown.splitlines()[-1] for shown in _gather_in_namespace(set_address=True)] == ["[0, 1]"] * 2
    # If this assertion fails, JAX no longer resolves the host name, and collectives._set_address can be removed.
    assert not any("[0, 1]" in shown for shown in _gather_in_namespace(set_address=False))
