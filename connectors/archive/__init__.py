"""Closed days as Parquet files, read across with what is hot.

`layout.py` says what a file holds and where it lies; `write.py` makes one, `read.py` reads it, `move.py`
moves days out of the database, `history.py` answers from both, `known.py` keeps the writer from storing
again what was moved. Any engine reads the files: ``site=…/day=YYYY-MM-DD/….parquet``.
"""
