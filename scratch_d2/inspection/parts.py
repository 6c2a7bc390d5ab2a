"""Results in parts: Parquet files in a folder or at an address, each written once and whole."""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from scratch_d2.inspection.address_lock import held
from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.parts_table import schema, to_rows, to_table
from scratch_d2.inspection.pictures import FOLDERS
from scratch_d2.inspection.rows import Row
from scratch_d2.structures.run_record import SETTINGS, SUMMARY
from scratch_d2.utils.remote import SEPARATOR, open_system

ROWS, LOCK = "rows", ".lock"
ADVICE = "the parts before are saved, --resume continues after them"
NAME = re.compile(r"part-(\d{8,})-([0-9a-f]{12})\.parquet")
# Storages whose files appear whole or not at all; elsewhere a file is renamed when it is whole.
ATOMIC = frozenset("s3 s3a gs gcs abfs abfss az adl oss memory".split())


class PartName(NamedTuple):
    """What the name of a part says.

    Attributes:
        number: its place among the parts, from 0.
        digest: of the names of its input files, so that a changed list of inputs is noticed.
    """

    number: int
    digest: str

    @classmethod
    def of(cls, number: int, files: Sequence[InputFile]) -> PartName:
        """Return the name of the part of these files."""
        names = b"\0".join(os.fsencode(str(file.path)) for file in files)
        return cls(number, hashlib.sha256(names).hexdigest()[:12])

    def __str__(self) -> str:
        return f"part-{self.number:08d}-{self.digest}.parquet"


class PartStore:
    """The folder of results in parts, on a disk or at an address; it can be sent to workers.

    It holds rows/part-*.parquet, overlays/, masks/, settings.json and summary.json.
    """

    def __init__(self, place: str) -> None:
        """Open a folder or an address.

        Raises ImportError or ValueError if the address cannot be opened, ImportError with the pip
        command if pyarrow is missing.
        """
        self.place = place if SEPARATOR in place else os.path.abspath(place)
        schema()
        self._system, self._root = open_system(self.place)

    def __reduce__(self) -> tuple[type[PartStore], tuple[str]]:
        return PartStore, (self.place,)

    def __str__(self) -> str:
        return self.place

    def prepare(self) -> None:
        """Make the folders. Raises OSError naming the place if it cannot be written."""
        with self._naming("cannot be written", "name another --output"):
            for name in (ROWS, *FOLDERS):
                self._system.makedirs(self._path(name), exist_ok=True)

    def names(self) -> list[PartName]:
        """Return the parts that are there, by number. Raises ValueError if two share one."""
        with self._naming("cannot be listed"):
            self._system.invalidate_cache()
            there = self._system.isdir(self._path(ROWS))
            paths = self._system.ls(self._path(ROWS), detail=False) if there else []
        found = [NAME.fullmatch(posixpath.basename(str(path))) for path in paths]
        parts = sorted(PartName(int(match[1]), match[2]) for match in found if match)
        for one, other in zip(parts, parts[1:]):
            if one.number == other.number:
                raise ValueError(f"{self}: {one} and {other} are the same part; remove one of them")
        return parts

    def has(self, name: PartName) -> bool:
        """Whether a part is there."""
        with self._naming("cannot be read"):
            self._system.invalidate_cache()
            return bool(self._system.exists(self._path(ROWS, str(name))))

    def write_part(self, name: PartName, rows: Sequence[Row]) -> None:
        """Write the rows of a part. Raises OSError, as on a full disk; then it is not there."""
        import pyarrow.parquet as pq

        content = io.BytesIO()
        pq.write_table(to_table(rows), content, compression="zstd")
        self.write(f"{ROWS}/{name}", content.getvalue())

    def read_part(self, name: PartName, columns: Sequence[str] | None = None) -> list[Row]:
        """Return the rows of a part; with `columns` only these keys, None if a row lacks them.

        Raises OSError naming a part that cannot be read.
        """
        import pyarrow.parquet as pq

        path = f"{ROWS}/{name}"
        with self._naming(f"{path} cannot be read", "remove it, and complete with --resume"):
            with self._system.open(self._path(path), "rb") as file:
                table = pq.read_table(file, columns=columns and list(columns))
        return to_rows(table) if columns is None else table.to_pylist()

    def write(self, name: str, content: bytes) -> None:
        """Write a file, which appears whole. Raises OSError naming it."""
        path = self._path(name)
        with self._naming(f"{name} cannot be written", ADVICE):
            if self._is_atomic:
                self._system.pipe_file(path, content)
                return
            unfinished = posixpath.join(posixpath.dirname(path), f".{os.urandom(6).hex()}.part")
            try:
                with self._system.open(unfinished, "wb") as file:
                    file.write(content)
                    file.flush()
                    if self._is_local:
                        os.fsync(file.fileno())
                self._system.mv(unfinished, path)
            except BaseException:
                self._remove(unfinished)
                raise

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises FileNotFoundError or OSError naming it."""
        with self._naming(f"{name} cannot be read"):
            return bytes(self._system.cat_file(self._path(name)))

    def read_settings(self) -> dict[str, Any] | None:
        """Return settings.json, None if there is none. Raises ValueError if it holds no object."""
        if not self.exists(SETTINGS):
            return None
        try:
            return dict(json.loads(self.read(SETTINGS)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self}: {SETTINGS} cannot be read ({error})") from None

    def exists(self, name: str) -> bool:
        """Whether a file or folder is there."""
        with self._naming("cannot be read"):
            return bool(self._system.exists(self._path(name)))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out: of a folder, those of this machine; of an address, all.

        Raises OSError if another run is writing.
        """
        if not self._is_local:
            with held(self):
                yield
            return
        try:
            with FileLock(self._path(LOCK), timeout=0):
                yield
        except Timeout:
            raise OSError(
                f"output folder {self.place!r} is being written by another run; wait for its end "
                "or choose another folder"
            ) from None

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self._remove(self._path(name))

    def clear(self) -> None:
        """Remove the results."""
        with self._naming("cannot be emptied"):
            for name in (SETTINGS, SUMMARY, ROWS, *FOLDERS):
                if self._system.exists(self._path(name)):
                    self._system.rm(self._path(name), recursive=True)

    @property
    def _is_atomic(self) -> bool:
        return not ATOMIC.isdisjoint(self._protocols)

    @property
    def _is_local(self) -> bool:
        return "file" in self._protocols

    @property
    def _protocols(self) -> set[str]:
        named = self._system.protocol
        return {named} if isinstance(named, str) else set(named)

    def _path(self, *names: str) -> str:
        return posixpath.join(self._root, *names)

    def _remove(self, path: str) -> None:
        with suppress(Exception):  # it may never have been there
            self._system.rm_file(path)

    @contextmanager
    def _naming(self, what: str, advice: str = "") -> Iterator[None]:
        """Turn whatever a storage raises into an OSError that names the place."""
        try:
            yield
        except Exception as error:
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            text = f"results {self.place!r}: {what}: {' '.join(str(reason).split())}"
            kind = FileNotFoundError if isinstance(error, FileNotFoundError) else OSError
            raise kind(f"{text}; {advice}" if advice else text) from None
