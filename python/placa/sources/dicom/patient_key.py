"""Names for patients that say who is who without saying who it is: hashes under a key that stays at home.

A plain hash of a PatientID is no secret: there are few enough to try them all. With a key (HMAC with SHA-256, RFC 2104)
nobody can who lacks it, and whoever has it gets the same name for the same patient in every data set.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from placa.core.files import explain_os_error
from placa.sources.errors import ShortKeyError

#: Bytes of a key; a given one may be longer, and has at least half of them.
_BYTES = 32


@dataclass(frozen=True)
class PatientKey:
    """A secret key, and the names that it gives.

    Attributes:
        secret: The key; it is in no output.
        note: Where it is from, in words for the user.
    """

    secret: bytes = field(repr=False)
    note: str = ""

    def name(self, kind: str, text: str, length: int = 16) -> str:
        """Name what should not be named itself.

        Args:
            kind: What `text` is: equal texts of different kinds get different names.
            text: What identifies somebody.
            length: Letters of the name, four bits each.

        Returns:
            Hexadecimal digits: of 16, two patients among a million share one with a chance of 3 in 100 million.
        """
        return hmac.new(self.secret, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()[:length]


def default_place() -> Path:
    """Where the key lies that placa made: ``placa/patient-key`` in the user's configuration (XDG base directories)."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification has a relative path ignored.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".config") / "placa" / "patient-key"


def patient_key(file: Path | None = None) -> PatientKey:
    """Read the key, and make one where there is none yet.

    Args:
        file: A file with a key, of at least 16 bytes; by default the one at `default_place`, which is made at random
            the first time, readable to nobody else.

    Raises:
        PlacaError: The file given is not there, the key is too short, or there is no place for a new one.
    """
    place = file or default_place()
    try:
        made = file is None and _make(place)
        secret = place.read_bytes().strip()
        mode = place.stat().st_mode
    except OSError as error:
        raise explain_os_error(error, place) from error
    if len(secret) < _BYTES // 2:
        raise ShortKeyError(
            f"{place} was to hold a secret key of 16 bytes or more, and holds {len(secret)}: give another.",
            file=str(place),
            bytes=len(secret),
            minimum=_BYTES // 2,
        )
    note = f"patient ids are hashes under the secret key in {place}"
    if made:
        note += ", made just now: keep it, or the same patients get other ids next time, and show it to nobody"
    elif mode & 0o077:
        note += f", which others can read: chmod 600 {place}"
    return PatientKey(secret, note)


def _make(place: Path) -> bool:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        # Written beside and then linked, so that of two processes one makes the key and both read it whole.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_bytes(_BYTES).hex() + "\n")
        os.link(draft, place)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True
