"""A notice as a POST of JSON."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import msgspec

from connectors.notify.carrier import NotTaken

if TYPE_CHECKING:
    from connectors.desk.notices import Waiting

TIMEOUT_S = 10.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object, **_more: object) -> None:
        """A secret must not be sent to where somebody else points."""
        return


class Webhook:
    """Posts to one address. Immutable."""

    def __init__(self, url: str, header: str, secret: str) -> None:
        self._url = url
        self._headers = {"content-type": "application/json", "user-agent": "factory-twin"}
        if secret:
            self._headers[header] = secret
        context = urllib.request.HTTPSHandler(context=ssl.create_default_context())
        self._opener = urllib.request.build_opener(_NoRedirect, context)

    def carry(self, one: Waiting, subject: str, text: str) -> None:
        """Post one notice; raises NotTaken. The header ``Idempotency-Key`` is the notice's: one sent twice has one."""
        body = msgspec.json.encode({"id": str(one.id), "subject": subject, "text": text, **one.body})
        request = urllib.request.Request(  # noqa: S310  the scheme was checked with the factory file
            self._url, body, {**self._headers, "idempotency-key": str(one.id)}, method="POST"
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                answer.read(1000)
        except urllib.error.HTTPError as error:
            raise NotTaken(f"the webhook answered {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            raise NotTaken(f"the webhook cannot be reached: {error}") from error
