"""Reads the rows of a batch from CSV, JSON Lines or Parquet files, or from mappings."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from helios.contract.strict_json import parse_json
from helios.errors import OptionInvalid, RowsInvalid
from orchestrator.clouds.packages import require

#: Columns of a CSV file whose cells are JSON end so: `ages:json`.
JSON_SUFFIX = ":json"
#: Faults that an error names at most.
MOST_FAULTS = 20

Rows = str | Path | Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its line in the file, or its number counted from 1, and its values by column."""

    line: int
    values: Mapping[str, Any]
    #: Whether values are text that may stand for something else.
    is_text: bool = False


class Faults:
    """Collects what is wrong with rows, so that all of it is reported at once."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._found: list[str] = []

    def add(self, text: str, line: int | None = None) -> None:
        """Note a fault, of a line or of all rows."""
        self._found.append(text if line is None else f"line {line}: {text}")

    def check(self, hint: str = "") -> None:
        """Raise an error if there are any.

        Raises:
            RowsInvalid
        """
        if not self._found:
            return
        count = len(self._found)
        more = [f"and {count - MOST_FAULTS} more"] if count > MOST_FAULTS else []
        raise RowsInvalid(
            f"{self.source}: {'1 fault' if count == 1 else f'{count} faults'}",
            hint=hint or "No row was rendered.",
            details=[*self._found[:MOST_FAULTS], *more],
        )


def source_name(rows: Rows) -> str:
    """Return the name of rows in messages."""
    return str(rows) if isinstance(rows, str | Path) else "rows"


def read_rows(rows: Rows, faults: Faults) -> list[Row]:
    """Return all rows of a file or of mappings; malformed ones are noted as faults.

    Raises:
        OptionInvalid: The file can't be read, or isn't one of a known kind.
        ProgramMissing: The package that reads Parquet files isn't installed.
        RowsInvalid: There are no rows, or none that can be read.
    """
    if not isinstance(rows, str | Path):
        read = [Row(number, values) for number, values in enumerate(rows, 1)]
        for row in read:
            if not isinstance(row.values, Mapping):
                faults.add("isn't a mapping", row.line)
    else:
        read = list(_read_file(Path(rows), faults))
    faults.check()
    if not read:
        faults.add("has no rows")
        faults.check()
    return read


def _read_file(path: Path, faults: Faults) -> Iterator[Row]:
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".jsonl", ".ndjson", ".parquet"):
        raise OptionInvalid(
            f"`rows` {path}: is no .csv, .jsonl or .parquet file", hint="Name it by its format."
        )
    if suffix == ".parquet":
        require("pyarrow", f"`rows` {path}", extra="parquet")
    try:
        if suffix == ".parquet":
            return _read_parquet(path)
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as fault:
        raise OptionInvalid(f"`rows` {path}: can't be read ({fault.strerror or fault})") from None
    except UnicodeDecodeError as fault:
        line = fault.object[: fault.start].count(b"\n") + 1
        faults.add("isn't UTF-8", line)
        return iter(())
    return _read_csv(text, faults) if suffix == ".csv" else _read_lines(text, faults)


def _read_csv(text: str, faults: Faults) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        for name in header:
            if not name.removesuffix(JSON_SUFFIX).strip():
                faults.add("a column has no name", 1)
            elif header.count(name) > 1:
                faults.add(f"column {name!r} is there twice", 1)
        if not header:
            return
        line = reader.line_num + 1
        for cells in reader:
            if not cells:
                line = reader.line_num + 1
                continue
            if len(cells) != len(header):
                faults.add(f"has {len(cells)} cells, and the header {len(header)}", line)
            else:
                yield Row(line, _cells(header, cells, line, faults), is_text=True)
            line = reader.line_num + 1
    except csv.Error as fault:
        faults.add(f"isn't CSV ({fault})", reader.line_num)


def _cells(header: list[str], cells: list[str], line: int, faults: Faults) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if not name.endswith(JSON_SUFFIX):
            values[name] = cell
        elif cell.strip():
            try:
                values[name.removesuffix(JSON_SUFFIX)] = parse_json(cell)
            except ValueError as fault:
                faults.add(f"{name}: isn't JSON ({fault})", line)
    return values


def _read_lines(text: str, faults: Faults) -> Iterator[Row]:
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            values = parse_json(content)
        except ValueError as fault:
            faults.add(f"isn't JSON ({fault})", line)
            continue
        if isinstance(values, dict):
            yield Row(line, values)
        else:
            faults.add("isn't a JSON object", line)


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow  # noqa: PLC0415 - an extra
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pyarrow.parquet.ParquetFile(path)
        batches = [batch.to_pylist() for batch in file.iter_batches()]
    except (pyarrow.ArrowException, OSError) as fault:
        raise OptionInvalid(f"`rows` {path}: isn't a Parquet file ({fault})") from None
    rows = (values for batch in batches for values in batch)
    for number, values in enumerate(rows, 1):
        yield Row(number, {name: _plain(value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    """Return a value of a Parquet file as one of JSON: times as text, the rest as it is."""
    return value.isoformat() if isinstance(value, datetime | date | time) else value
