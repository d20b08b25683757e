"""What if, from a moment of the store: ``reading`` records, `build` a calibrated model, ``pool`` runs it on all cores.

The mathematics is in `twin.whatif`; here is what needs a store, processes and a wall clock.
"""
