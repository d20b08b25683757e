"""The plant that does not exist: pure, seeded laws of motion.

`plant.build_plant` sets a site up and `plant.Plant.advance` runs it. Read it as the truth comes about:
``line`` (stations, buffers, breakdowns) and ``fleet`` with ``routes`` (mobile robots) decide what
happens; ``arms`` with ``paths`` and ``dynamics``, ``machines`` and ``surroundings`` say what that looks
like in numbers; ``sensors`` measure it. Decisions are taken in whole milliseconds, and every row is
reckoned by itself, so that the same seed gives the same bits however time is cut into calls.
"""
