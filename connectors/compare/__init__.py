"""Comparing what is stored: `twin.compare` of recordings, intervals and the present, read in bounded memory.

``choice`` says what A and B mean, ``reading`` reads a side signal by signal, ``answer`` compares two of them.
"""

from connectors.compare.answer import TOLERANCE_S, compare
from connectors.compare.choice import Choice, Known, Simulated, chosen, simulated_in
from connectors.compare.reading import Reading

__all__ = ["TOLERANCE_S", "Choice", "Known", "Reading", "Simulated", "chosen", "compare", "simulated_in"]
