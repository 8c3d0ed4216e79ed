"""Atomic directories whose creation can be resumed after an interruption."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from placa.core.errors import InUseError, MachineError
from placa.core.files import behind_link, explain_os_error, is_full, locked, put_in_place, refuse_existing
from placa.core.temporary import sweep


def partial_path(path: Path) -> Path:
    """Return the temporary path of a directory that is being created."""
    return path.parent / f".{path.name}.preparing"


@contextmanager
def resumable_directory(
    path: Path, overwrite: bool, keep: Callable[[Path], bool], describe: Callable[[Path], str]
) -> Iterator[Path]:
    """Yield a hidden directory beside `path`, and rename it to `path` if the block succeeds.

    The hidden name is always the same, so the next call finds what Ctrl-C, a kill, a full disk or a lost cluster left
    in it. After any other error the hidden directory is removed.

    Args:
        path: The directory to create.
        overwrite: Whether an existing directory may be replaced.
        keep: Returns for each file of an interrupted call whether it is kept.
        describe: Returns, after an interruption, one sentence about what the next call can use; ``""`` if there is
            nothing, and the hidden directory is removed.

    Raises:
        OutputExistsError, ForeignDirectoryError, WrongFileTypeError: `path` exists and may not be replaced.
        InUseError: Another process is creating `path`.
        PlacaError: `path` is not writable, or its disk is full (see `placa.core.files.explain_os_error`); the value
            ``resumable`` is true if the next call can resume the work.
        MachineError: The machine or the cluster failed; the value ``resumable`` as above.
        KeyboardInterrupt: Ctrl-C; its message, if any, is the sentence of `describe`.
    """
    path = behind_link(path)
    sweep(path)
    refuse_existing(path, overwrite)
    partial = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(exist_ok=True)
        with _locked(partial, path):
            resumable = False
            try:
                for found in partial.iterdir():
                    if not keep(found):
                        _remove(found)
                yield partial
                put_in_place(partial, path)
            except KeyboardInterrupt as error:
                resumable = bool(text := describe(partial))
                raise KeyboardInterrupt(*filter(None, [text])) from error
            except MachineError as error:
                # A full disk, a lost cluster, a killed decoder. The message names the directory that the user named.
                resumable = bool(text := describe(partial))
                message = f"{str(error).replace(str(partial), str(path))} {text}".strip()
                raise type(error)(message, **{**error.values, "resumable": resumable}) from error
            except OSError as error:
                resumable = is_full(error) and bool(text := describe(partial))
                explained = explain_os_error(error, path)
                message = f"{explained} {text if resumable else ''}".strip()
                raise type(explained)(message, **explained.values, resumable=resumable) from error
            finally:
                if not resumable:
                    shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise explain_os_error(error, path) from error


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()


@contextmanager
def _locked(partial: Path, path: Path) -> Iterator[None]:
    """Lock a directory against other processes; the system releases the lock when this process ends."""
    if os.name == "nt":
        # Windows cannot open directories.
        yield
        return
    busy = f"Another process is creating {path}. Wait until it ends, or choose another --out."
    opened = os.open(partial, os.O_RDONLY)
    try:
        with locked(opened, busy, path):
            # The previous holder of the lock may have renamed or removed the directory since it was opened.
            exists = False
            with suppress(FileNotFoundError):
                exists = os.path.samestat(os.fstat(opened), os.stat(partial))
            if not exists:
                raise InUseError(busy, path=str(path))
            yield
    finally:
        os.close(opened)
