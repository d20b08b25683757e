"""A notice as a mail."""

from __future__ import annotations

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from connectors.notify.carrier import NotTaken

if TYPE_CHECKING:
    from connectors.desk.notices import Waiting
    from twin.telling import MailConfig

TIMEOUT_S = 15.0


class Mail:
    """Sends to some addresses through one server. Immutable."""

    def __init__(self, config: MailConfig, password: str, to: tuple[str, ...]) -> None:
        self._config = config
        self._password = password
        self._to = to

    def carry(self, one: Waiting, subject: str, text: str) -> None:
        """Send one notice; raises NotTaken. Its Message-ID is the notice's: one sent twice has one."""
        message = EmailMessage()
        message["From"] = self._config.sender
        message["To"] = ", ".join(self._to)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(datetime.fromtimestamp(one.made_ns // 1_000_000_000, UTC))
        message["Message-ID"] = f"<{one.id}.factory-twin@{self._config.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            self._send(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotTaken(f"the mail server does not take it: {error}") from error

    def _send(self, message: EmailMessage) -> None:
        config = self._config
        context = ssl.create_default_context(cafile=config.ca_file or None)
        if config.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(config.host, config.port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=TIMEOUT_S)
        with server:
            if config.tls == "starttls":
                server.starttls(context=context)
            if config.username:
                server.login(config.username, self._password)
            refused = server.send_message(message)
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)
