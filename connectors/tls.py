"""TLS for MQTT: verification is always on."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from twin.errors import BrokerError

if TYPE_CHECKING:
    from twin.config import BrokerConfig


def context(config: BrokerConfig) -> ssl.SSLContext:
    """A client context: the system's authorities or ``ca_file``, TLS 1.2 at least, a client certificate if given."""
    try:
        made = ssl.create_default_context(cafile=config.ca_file or None)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.cert_file:
            made.load_cert_chain(config.cert_file, config.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(f"TLS files of [broker] cannot be read: {error}") from error
    return made
