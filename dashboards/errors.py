"""What went wrong, where, and what to do: the one shape of every error a caller is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse

from twin.errors import Forbidden, StoreError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

_T = TypeVar("_T")
SECRETIVE = "the store cannot be read now"


class AskedWrongly(Exception):
    """A question that has no answer: HTTP ``status``, what is wrong, where, what to do instead.

    ``code`` stands for ``what`` where pages have words for it in the reader's language.
    """

    def __init__(self, status: int, what: str, where: str = "", do: str = "", code: str = "") -> None:
        super().__init__(what)
        self.status = status
        self.what = what
        self.where = where
        self.do = do
        self.code = code


def json_body(body: bytes, kind: type[_T]) -> _T:
    """A request's body as ``kind``; raises AskedWrongly."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AskedWrongly(400, str(error), "body", "see docs/reference/live-protocol.md") from error


def answer(status: int, what: str, where: str = "", do: str = "", code: str = "") -> JSONResponse:
    """The error as JSON."""
    named = {"code": code} if code else {}
    return JSONResponse({"error": {"what": what, "where": where, "do": do, **named}}, status)


def install(server: FastAPI) -> None:
    """Make every error of ours and of the framework's validation take that shape."""

    async def asked_wrongly(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, AskedWrongly)  # noqa: S101  narrows the type for the reader
        return answer(error.status, error.what, error.where, error.do, error.code)

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        return answer(422, *_first(error))  # type: ignore[arg-type]  # registered for this type only

    async def away(_request: Request, error: Exception) -> JSONResponse:
        return answer(503, f"{SECRETIVE}: {error}", "store", "see /healthz; it is tried again by itself")

    async def forbidden(_request: Request, error: Exception) -> JSONResponse:
        return answer(403, str(error), "role", "ask an administrator of this plant for the role", "forbidden")

    server.add_exception_handler(AskedWrongly, asked_wrongly)
    server.add_exception_handler(Forbidden, forbidden)
    server.add_exception_handler(RequestValidationError, invalid)
    server.add_exception_handler(StoreError, away)


def _first(error: RequestValidationError) -> tuple[str, str, str]:
    mistakes = error.errors()
    first = mistakes[0] if mistakes else {"msg": "not valid", "loc": ()}
    where = ".".join(str(part) for part in first["loc"] if part not in ("query", "path"))
    return str(first["msg"]), where, "see /api/v1/openapi.json"
