"""Telling people of alarms outside the pages: webhooks and mail.

``deciding`` asks `twin.alarms.notify` what is due and writes it to the outbox on the desk, ``outbox`` keeps
it until it is sent, ``text`` words it, ``webhook`` and ``mail`` carry it, ``run`` is the process.
"""
