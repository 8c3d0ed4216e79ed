"""A directory that is whole or not there, and that a program which was interrupted goes on with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from placa.core.errors import ClusterLostError, InUseError
from placa.core.files import explain_os_error, held, is_full, put_in_place, refuse_existing


def half_made(path: Path) -> Path:
    """Where a directory lies while it is being made."""
    return path.parent / f".{path.name}.preparing"


@contextmanager
def resumable_directory(
    path: Path, overwrite: bool, keep: Callable[[Path], bool], kept: Callable[[Path], str]
) -> Iterator[Path]:
    """Yield a hidden directory beside `path`; it takes the name `path` only if the block ends well.

    Its name is the same each time, so that what Ctrl-C, a kill, a full disk or a lost cluster left in it is found the
    next time. After any other error it is removed: what is wrong with the input is to be mended first.

    Args:
        path: The directory to make.
        overwrite: Whether a directory already there may be replaced.
        keep: Says of each thing that an earlier time left there whether it stays.
        kept: Says, where the block was interrupted, what stays for the next time, in a sentence; ``""`` where nothing
            does, and then the directory goes.

    Raises:
        PlacaError: `path` is there and may not be replaced, or cannot be written, or its disk is full, or another
            program is making it at this moment.
        ClusterLostError: The cluster went away; the message says what stays.
        KeyboardInterrupt: Ctrl-C; its message, if any, says what stays.
    """
    refuse_existing(path, overwrite)
    partial = half_made(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(exist_ok=True)
        with _alone(partial, path):
            stays = False
            try:
                for found in partial.iterdir():
                    if not keep(found):
                        _remove(found)
                yield partial
                put_in_place(partial, path)
            except KeyboardInterrupt as error:
                stays = bool(text := kept(partial))
                raise KeyboardInterrupt(*filter(None, [text])) from error
            except ClusterLostError as error:
                stays = bool(text := kept(partial))
                raise ClusterLostError(f"{error} {text}".strip(), **error.values, resumable=stays) from error
            except OSError as error:
                stays = is_full(error) and bool(text := kept(partial))
                explained = explain_os_error(error, path)
                message = f"{explained} {text if stays else ''}".strip()
                raise type(explained)(message, **explained.values, resumable=stays) from error
            finally:
                if not stays:
                    shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise explain_os_error(error, path) from error


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()


@contextmanager
def _alone(partial: Path, path: Path) -> Iterator[None]:
    """Hold a directory against other programs; the system lets go of it however this one ends."""
    if os.name == "nt":
        # Windows opens no directories.
        yield
        return
    busy = f"{path} is being made by another program at this moment: wait for it, or choose another."
    opened = os.open(partial, os.O_RDONLY)
    try:
        with held(opened, busy, path):
            # Whoever held it before may have put it in its place, or removed it, since it was opened.
            still_there = False
            with suppress(FileNotFoundError):
                still_there = os.path.samestat(os.fstat(opened), os.stat(partial))
            if not still_there:
                raise InUseError(busy, path=str(path))
            yield
    finally:
        os.close(opened)
