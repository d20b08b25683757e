"""The wire form: `sparkplug_b.proto`, read once at import, becomes message classes of the protobuf runtime.

There is no generated code, so nothing can fall behind the ``.proto``, and no compiler or matching
runtime version is needed. A real ``protoc`` reads the same file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as ProtobufError

from twin.errors import DecodeError

PROTO = Path(__file__).with_name("sparkplug_b.proto")
MAX_DEPTH = 32
"""How deep templates and property sets may nest; upb itself stops at 100."""
_TOKEN = re.compile(r"//[^\n]*|\"[^\"]*\"|[\w.]+|[{}=;]")
_LABELS = {"": 1, "repeated": 3}
_QUOTES = '"'
_SCALARS = {"double": 1, "float": 2, "uint64": 4, "bool": 8, "string": 9, "bytes": 12, "uint32": 13}
_MESSAGE = 11


def parsed(text: str) -> descriptor_pb2.FileDescriptorProto:
    """The descriptor of a ``.proto`` of messages, oneofs and plain fields; raises ValueError for anything else."""
    tokens = [token for token in _TOKEN.findall(text) if not token.startswith("//")]
    file = descriptor_pb2.FileDescriptorProto(name=PROTO.name)
    message: Any = None
    label, in_oneof, place = "", False, 0
    while place < len(tokens):
        word, *rest = tokens[place : place + 5]
        size = 3
        if word == "edition":
            file.syntax, file.edition, size = "editions", f"EDITION_{rest[1].strip(_QUOTES)}", 4
        elif word == "option":
            setattr(file.options.features, rest[0].removeprefix("features."), rest[2])
            size = 5
        elif word == "package":
            file.package = rest[0]
        elif word == "message":
            message = file.message_type.add(name=rest[0])
        elif word == "oneof":
            message.oneof_decl.add(name=rest[0])
            in_oneof = True
        elif word == "}":
            in_oneof, size = False, 1
        elif word in _LABELS:
            label, size = word, 1
        else:
            _add_field(file, message, [word, *rest], label, in_oneof=in_oneof)
            label, size = "", 5
        place += size
    return file


def _add_field(
    file: descriptor_pb2.FileDescriptorProto, message: Any, tokens: list[str], label: str, *, in_oneof: bool
) -> None:
    if tokens[2:5:2] != ["=", ";"]:
        raise ValueError(f"{' '.join(tokens)!r} is no field")
    kind, name, _, number, _ = tokens
    field = message.field.add(name=name, number=int(number), label=_LABELS[label], type=_SCALARS.get(kind, _MESSAGE))
    if kind not in _SCALARS:
        field.type_name = f".{file.package}.{kind}"
    if in_oneof:
        field.oneof_index = len(message.oneof_decl) - 1


FILE = parsed(PROTO.read_text(encoding="utf-8"))
_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(FILE)


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{FILE.package}.{name}"))


Payload: Any = _message("Payload")
Metric: Any = _message("Metric")
"""Any stands for what the runtime makes: their fields are those of `sparkplug_b.proto`."""
_parse = Payload.FromString


def read(payload: bytes) -> Any:
    """The payload's message; raises DecodeError (empty, protobuf) for what is none."""
    if not payload:
        raise DecodeError("empty", "no payload")
    try:
        return _parse(payload)
    except (ProtobufError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("protobuf", f"no Sparkplug payload: {error}") from error
