"""Pseudonyms for patients: hashes under a secret key of the user.

A plain hash of a PatientID is not secret, because all possible ids can be tried. A keyed hash (HMAC with SHA-256, RFC
2104) can only be reproduced with the key, and the same key gives the same pseudonym in every data set.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from placa.core.files import explain_os_errors
from placa.core.text import shell_path
from placa.records.codes import Note
from placa.sources.errors import ShortKeyError

#: Bytes of a generated key; a key file needs at least half of them.
_BYTES = 32


@dataclass(frozen=True)
class PatientKey:
    """Hold a secret key, and compute pseudonyms.

    Attributes:
        secret: The key; it is not part of any output.
        notes: Remarks for the user: where the key is.
    """

    secret: bytes = field(repr=False)
    notes: tuple[Note, ...] = ()

    def pseudonym(self, kind: str, text: str, length: int = 16) -> str:
        """Compute the pseudonym of an identifier.

        Args:
            kind: The kind of identifier; equal texts of different kinds get different pseudonyms.
            text: The identifier.
            length: The number of hexadecimal digits, 1 to 64, four bits each.

        Returns:
            Hexadecimal digits. With 16, the probability that two of a million patients share one is 3 in 100 million.
        """
        return hmac.new(self.secret, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()[:length]


def default_key_path() -> Path:
    """Return the path of the generated key in the user's configuration (XDG base directories)."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification requires that a relative path is ignored.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".config") / "placa" / "patient-key"


def read_patient_key(file: str | Path | None = None) -> PatientKey:
    """Read the key; generate it if it does not exist.

    Args:
        file: A file with a key of at least 16 bytes; by default the one at `default_key_path`, which is generated at
            random the first time, readable by the user only.

    Raises:
        PlacaError: The file cannot be read or written.
        ShortKeyError: The key has fewer than 16 bytes.
    """
    path = Path(file) if file else default_key_path()
    with explain_os_errors(path):
        created = file is None and _create(path)
        secret = path.read_bytes().strip()
        mode = path.stat().st_mode
    if len(secret) < _BYTES // 2:
        raise ShortKeyError(
            f"{path} must contain a key of at least {_BYTES // 2} bytes, got {len(secret)}. Choose another file.",
            file=str(path),
            bytes=len(secret),
            minimum=_BYTES // 2,
        )
    text, code = f"patient ids are hashes under the secret key in {path}", "patient_key"
    if created:
        text = (
            f"patient ids are hashes under the secret key in {path}, generated now: keep it secret, and keep it: "
            "another key gives other patient ids"
        )
        code = "patient_key_created"
    elif mode & 0o077:
        text = (
            f"patient ids are hashes under the secret key in {path}, which other users can read: run chmod 600 "
            f"{shell_path(str(path))}"
        )
        code = "patient_key_readable"
    return PatientKey(secret, (Note(text, code),))


def _create(path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # The key is written to a temporary path and then linked, so two processes never create two keys.
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_bytes(_BYTES).hex() + "\n")
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True
