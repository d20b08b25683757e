"""Values: what a metric's field holds, by its datatype (Sparkplug 3.0, § 6.4.16 and § 6.4.17).

Integers are two's complement in an unsigned field; some clients send the narrow ones 32 bits wide,
some as wide as they are: the width of the type decides. Arrays are packed little-endian, as the
text says; the examples of the specification that are not are mistaken.
"""

from __future__ import annotations

import base64
import struct
from enum import IntEnum
from typing import Any, TypeAlias

import msgspec

from twin.errors import DecodeError

Cell: TypeAlias = "float | int | str | None"
"""One value: a whole number is exact, None is absent."""
MAX_INT = 2**53
MAX_CELLS = 256
"""An array or a data set with more values than this becomes one text."""
_COUNT_BYTES = 4


class Datatype(IntEnum):
    """The datatypes; 20 and 21 occur in properties only."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTY_SET = 20
    PROPERTY_SET_LIST = 21
    INT8_ARRAY = 22
    INT16_ARRAY = 23
    INT32_ARRAY = 24
    INT64_ARRAY = 25
    UINT8_ARRAY = 26
    UINT16_ARRAY = 27
    UINT32_ARRAY = 28
    UINT64_ARRAY = 29
    FLOAT_ARRAY = 30
    DOUBLE_ARRAY = 31
    BOOLEAN_ARRAY = 32
    STRING_ARRAY = 33
    DATETIME_ARRAY = 34


_DATATYPES = {int(kind): kind for kind in Datatype}
SIGNED_BITS = {Datatype.INT8: 8, Datatype.INT16: 16, Datatype.INT32: 32, Datatype.INT64: 64}
UNSIGNED_BITS = {
    Datatype.UINT8: 8, Datatype.UINT16: 16, Datatype.UINT32: 32, Datatype.UINT64: 64, Datatype.DATETIME: 64,
}  # fmt: skip
TEXTS = frozenset({Datatype.STRING, Datatype.TEXT, Datatype.UUID, Datatype.BYTES, Datatype.FILE})
NUMBERS = frozenset({*SIGNED_BITS, *UNSIGNED_BITS, Datatype.FLOAT, Datatype.DOUBLE, Datatype.BOOLEAN})
SCALARS = NUMBERS | TEXTS
_ARRAY_CODES = {
    Datatype.INT8_ARRAY: "b", Datatype.INT16_ARRAY: "h", Datatype.INT32_ARRAY: "i", Datatype.INT64_ARRAY: "q",
    Datatype.UINT8_ARRAY: "B", Datatype.UINT16_ARRAY: "H", Datatype.UINT32_ARRAY: "I", Datatype.UINT64_ARRAY: "Q",
    Datatype.FLOAT_ARRAY: "f", Datatype.DOUBLE_ARRAY: "d", Datatype.DATETIME_ARRAY: "Q",
}  # fmt: skip
ARRAYS = frozenset({*_ARRAY_CODES, Datatype.BOOLEAN_ARRAY, Datatype.STRING_ARRAY})
_FIELD_TYPES = {
    "int_value": Datatype.INT64,
    "long_value": Datatype.INT64,
    "float_value": Datatype.FLOAT,
    "double_value": Datatype.DOUBLE,
    "boolean_value": Datatype.BOOLEAN,
    "string_value": Datatype.STRING,
    "bytes_value": Datatype.BYTES,
    "dataset_value": Datatype.DATASET,
    "template_value": Datatype.TEMPLATE,
}
Shaped: TypeAlias = "tuple[tuple[str, ...], tuple[Cell, ...], tuple[bool, ...]]"
"""Names of the parts of a value ("" for a value of one part), their values, and which of them are texts."""


def datatype(number: int) -> Datatype:
    """The datatype of a number; raises DecodeError (datatype)."""
    found = _DATATYPES.get(number)
    if found is None:
        raise DecodeError("datatype", f"{number} is no datatype of Sparkplug")
    return found


def type_of_field(field: str) -> Datatype:
    """The datatype to take a value for, of which nobody said one: that of its field."""
    return _FIELD_TYPES.get(field, Datatype.UNKNOWN)


def scalar(kind: Datatype, field: str, value: Any, where: str) -> Cell:
    """A value of one part; raises DecodeError (type) for one that its field cannot hold, (nul) for a text with NUL."""
    found: Cell = None
    if kind in UNSIGNED_BITS:
        found = _whole(field, value, where) & ((1 << UNSIGNED_BITS[kind]) - 1)
    elif kind in SIGNED_BITS:
        bits = SIGNED_BITS[kind]
        number = _whole(field, value, where) & ((1 << bits) - 1)
        found = number - (1 << bits) if number >> (bits - 1) else number
    elif kind in (Datatype.FLOAT, Datatype.DOUBLE):
        found = float(value) if field in ("float_value", "double_value") else float(_whole(field, value, where))
    elif kind is Datatype.BOOLEAN:
        number = _whole(field, value, where)
        if number not in (0, 1):
            raise DecodeError("type", f"{where}: {number} where a truth value belongs")
        found = float(number)
    elif kind in (Datatype.BYTES, Datatype.FILE) and field == "bytes_value":
        found = base64.b64encode(value).decode()
    elif kind in TEXTS and field == "string_value":
        found = _text(value, where)
    else:
        raise DecodeError("type", f"{where}: {field} where {kind.name} belongs")
    return found


def _whole(field: str, value: Any, where: str) -> int:
    if field in ("int_value", "long_value", "boolean_value"):
        return int(value)
    raise DecodeError("type", f"{where}: {field} where a whole number belongs")


def _text(value: str, where: str) -> str:
    if "\0" in value:
        raise DecodeError("nul", f"{where}: a NUL character")
    return value


def array(kind: Datatype, field: str, packed: Any, where: str) -> Shaped:
    """The values of an array, numbered; as one JSON text where they are texts or too many."""
    if field != "bytes_value":
        raise DecodeError("type", f"{where}: {field} where {kind.name} belongs")
    if kind is Datatype.STRING_ARRAY:
        return _as_text(_strings(packed, where))
    cells = _bits(packed, where) if kind is Datatype.BOOLEAN_ARRAY else _packed(_ARRAY_CODES[kind], packed, where)
    if not cells or len(cells) > MAX_CELLS:
        return _as_text(cells)
    return tuple(map(str, range(len(cells)))), tuple(cells), (False,) * len(cells)


def _packed(code: str, packed: bytes, where: str) -> list[Any]:
    count, rest = divmod(len(packed), struct.calcsize(code))
    if rest:
        raise DecodeError("array", f"{where}: {len(packed)} bytes are no whole number of values")
    return list(struct.unpack(f"<{count}{code}", packed))


def _bits(packed: bytes, where: str) -> list[float]:
    """Bits, the most significant first, behind their count."""
    if len(packed) < _COUNT_BYTES:
        raise DecodeError("array", f"{where}: no count")
    count = int.from_bytes(packed[:_COUNT_BYTES], "little")
    body = packed[_COUNT_BYTES:]
    if len(body) != (count + 7) // 8:
        raise DecodeError("array", f"{where}: {len(body)} bytes for {count} truth values")
    return [float(body[i // 8] >> (7 - i % 8) & 1) for i in range(count)]


def _strings(packed: bytes, where: str) -> list[str]:
    """Texts, each ended by NUL."""
    if packed and packed[-1]:
        raise DecodeError("array", f"{where}: the last text has no end")
    try:
        return packed.decode("utf-8").split("\0")[:-1]
    except UnicodeDecodeError as error:
        raise DecodeError("encoding", f"{where}: not UTF-8 at byte {error.start}") from error


def _as_text(cells: Any) -> Shaped:
    """Many values as one JSON text. A number that JSON has not becomes null."""
    return ("",), (msgspec.json.encode(cells).decode(),), (True,)


def dataset(table: Any, where: str) -> Shaped:
    """A data set's cells, named ROW.COLUMN; as one JSON text where they are too many or none.

    Raises DecodeError (dataset) where columns, types and rows are not of one width
    (tck-id-payloads-dataset-column-num-headers, …-types-num).
    """
    columns, types = list(table.columns), [datatype(number) for number in table.types]
    width = table.num_of_columns if table.HasField("num_of_columns") else len(columns)
    if not len(columns) == len(types) == width or any(len(row.elements) != width for row in table.rows):
        raise DecodeError("dataset", f"{where}: columns, types and rows are not of one width")
    if any(kind not in NUMBERS and kind not in TEXTS for kind in types):
        raise DecodeError("dataset", f"{where}: a column of a type that a data set cannot hold")
    names, cells, texts = [], [], []
    for number, row in enumerate(table.rows):
        for column, kind, element in zip(columns, types, row.elements, strict=True):
            field = element.WhichOneof("value")
            names.append(f"{number}/{column}")
            texts.append(kind in TEXTS)
            cells.append(None if field is None else scalar(kind, field, getattr(element, field), where))
    if not cells or len(cells) > MAX_CELLS or len(set(names)) < len(names):
        rows = [cells[start : start + width] for start in range(0, len(cells), width or 1)]
        return _as_text({"columns": columns, "rows": rows})
    return tuple(names), tuple(cells), tuple(texts)
