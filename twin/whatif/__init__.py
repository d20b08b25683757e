"""What if: a site from one recorded moment on, run many times under laws fitted to its past. Pure.

Read it as an answer comes about: ``record`` cuts what was recorded, ``fit`` finds laws (`law`), ``calibrate``
makes a ``model`` of lines as they stand, ``change`` lays over it what is asked for, ``run`` is one replication of
a line as a list of events, ``replicate`` one of a site with its figures, ``compare`` tells baseline from variant.
"""
