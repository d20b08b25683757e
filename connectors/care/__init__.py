"""Care of what is stored: check, back up, set aside and salvage, keep room, let old data go.

`start.py` opens a store for its writer and finds a corrupt one; `check.py` reads everything again;
`backup.py` copies while a writer writes; `salvage.py` brings over what can be read of a file set aside;
`room.py` watches the disk; `retention.py` lets old data go.
"""
