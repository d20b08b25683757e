"""KPIs from what is stored: `History` and the desk's stop reasons in, figures with inputs and coverage out.

`twin.kpi.tellings` finds in which streams an asset tells its state and counts its parts, ``reading`` reads of them
what matters, ``figures`` makes `twin.kpi.Totals` of any asset, line or site over any time, ``answer`` says them in
the words of `twin kpi` and ``/api/v1/kpi`` (docs/reference/kpi.md).
"""

from connectors.figures.figures import Asked, Figures, Sum

__all__ = ["Asked", "Figures", "Sum"]
