"""The desk: what people write, and the trail of who wrote it.

Telemetry is the store's, and one process writes it; what people say (accounts, acknowledgements, reasons,
layouts) comes from the pages, now and then, and must outlive a damaged telemetry file. So it has a
database of its own: for SQLite a file beside the store's, in PostgreSQL tables whose names begin with
``desk_``. Every change goes through `Desk.writing`, which adds to the audit trail in the same transaction.
"""

from connectors.desk.open import Desk, desk_url

__all__ = ["Desk", "desk_url"]
