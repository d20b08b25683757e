"""``/api/v1/alarms``: what is active, the journal, the alarm system's own figures; and what people do to alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response  # noqa: TC002  FastAPI reads the annotations

from connectors.desk.actions import act
from dashboards.access.auth import needs, person
from dashboards.alarm_rights import RIGHTS
from dashboards.calls.alarm_file import ACTIVE_COLUMNS, JOURNAL_COLUMNS, download
from dashboards.calls.api_models import (
    ActionsModel,
    AlarmFiguresAnswer,
    AlarmsAnswer,
    GivenAnswer,
    JournalAnswer,
)
from dashboards.calls.view import json_of, site_in
from dashboards.errors import AskedWrongly
from dashboards.moment import MAX_SPAN_S, ns_of_text, span, view_of
from dashboards.received import take_base
from dashboards.status import ms
from dashboards.summary.alarm_words import refused_said
from dashboards.summary.alarms import active, figures, load_of
from dashboards.summary.directory import EVERY_SITE
from twin.alarms.desk import refusal
from twin.alarms.record import ActionKind, AlarmAction, AlarmEventKind, AlarmState
from twin.alarms.watch import split_alarm
from twin.clock import NS_PER_S
from twin.ids import site_of

if TYPE_CHECKING:
    from dashboards.calls.api_models import ActionModel
    from dashboards.page import Behind
    from dashboards.summary.alarm_words import AlarmWords
    from dashboards.view import View

DAY_S = 24 * 3600.0
MAX_ENTRIES = 10_000
MAX_FILE = 100_000
Lang = Annotated[Literal["ko", "en"], Query(description="of names and texts")]

Site = Annotated[str, Query(description="a site's id, or * for all", max_length=200)]
Asset = Annotated[str, Query(description="an asset's id, or a path above several", max_length=500)]
Alarm = Annotated[str, Query(description="an alarm's id: asset:rule or asset:rule:signal", max_length=1000)]
From = Annotated[str, Query(alias="from", description="begin, ISO 8601 with offset or epoch ms", max_length=64)]
To = Annotated[str, Query(alias="to", description="end (not included)", max_length=64)]
Span = Annotated[float, Query(gt=0, le=MAX_SPAN_S, description="without from: so many seconds before the end")]
AsOf = Annotated[str, Query(description="answer as it was then; left out: now", max_length=64)]
Kinds = Annotated[list[AlarmEventKind] | None, Query(description="only these, such as AlarmRaised")]


def alarm_router(behind: Behind) -> APIRouter:
    """The calls, on what stands behind the pages."""
    router = APIRouter(prefix="/api/v1/alarms", dependencies=[Depends(take_base)])
    words = behind.live.alarms.words

    def view(as_of: str) -> View:
        return view_of(behind, ns_of_text(as_of, "as_of") if as_of else None)

    def range_in(seen: View, start: str, end: str, span_s: float) -> tuple[int, int]:
        end_ns = ns_of_text(end, "to") if end else seen.clock_ns + 1
        asked = span(ns_of_text(start, "from") if start else end_ns - round(span_s * NS_PER_S), end_ns)
        return asked.start_ns, min(asked.end_ns, seen.clock_ns + 1)

    @router.get("", response_model=AlarmsAnswer)
    def alarms(
        site: Site = EVERY_SITE,
        asset: Asset = "",
        priority: Annotated[int | None, Query(ge=1, le=4, description="only this one")] = None,
        as_of: AsOf = "",
    ) -> Response:
        """Every alarm that is not normal, the most urgent first."""
        seen = view(as_of)
        site = site_in(behind, site)
        sites = [one.id for one in behind.factory.hub.sites if site in (EVERY_SITE, one.id)]
        rows = [
            row
            for row in active(seen, words, site)
            if (not asset or _is_below(row["asset"], asset)) and priority in (None, row["priority"])
        ]
        return json_of({"as_of_ms": ms(seen.clock_ns), "alarms": rows, "load": load_of(seen, sites)})

    @router.get("/journal", response_model=JournalAnswer)
    def journal(  # noqa: PLR0913  the parameters of the call
        site: Site = EVERY_SITE,
        asset: Asset = "",
        alarm: Alarm = "",
        kind: Kinds = None,
        start: From = "",
        end: To = "",
        span_s: Span = DAY_S,
        as_of: AsOf = "",
        limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = 1000,
    ) -> Response:
        """What happened to alarms, newest first; the last day where no range is given."""
        seen = view(as_of)
        start_ns, end_ns = range_in(seen, start, end, span_s)
        under = asset or ("" if site_in(behind, site) == EVERY_SITE else site)
        found = seen.alarm_events(start_ns, end_ns, asset=under, alarm=alarm, kinds=kind or (), limit=limit)
        return json_of({"as_of_ms": ms(seen.clock_ns), "journal": [words.entry(event) for event in found]})

    @router.get("/performance", response_model=AlarmFiguresAnswer)
    def performance(
        site: Site = EVERY_SITE, start: From = "", end: To = "", span_s: Span = DAY_S, as_of: AsOf = ""
    ) -> Response:
        """How well the alarms of an operating position serve; the last day where no range is given."""
        seen = view(as_of)
        start_ns, end_ns = range_in(seen, start, end, span_s)
        return json_of(figures(seen, words, site_in(behind, site), start_ns, max(start_ns, end_ns)))

    @router.get("/active.csv", include_in_schema=False)
    def active_csv(site: Site = EVERY_SITE, as_of: AsOf = "", lang: Lang = "ko") -> Response:
        """What is not normal, as a file; the audit trail tells of it."""
        seen = view(as_of)
        rows = active(seen, words, site_in(behind, site))
        return download(behind, "alarms", site, ACTIVE_COLUMNS, rows, lang)

    @router.get("/journal.csv", include_in_schema=False)
    def journal_csv(  # noqa: PLR0913  the parameters of the call
        site: Site = EVERY_SITE,
        asset: Asset = "",
        start: From = "",
        end: To = "",
        span_s: Span = DAY_S,
        as_of: AsOf = "",
        lang: Lang = "ko",
    ) -> Response:
        """The journal as a file; the audit trail tells of it."""
        seen = view(as_of)
        start_ns, end_ns = range_in(seen, start, end, span_s)
        under = asset or ("" if site_in(behind, site) == EVERY_SITE else site)
        found = seen.alarm_events(start_ns, end_ns, asset=under, limit=MAX_FILE)
        return download(behind, "alarm-journal", site, JOURNAL_COLUMNS, map(words.entry, found), lang)

    @router.post("/actions", response_model=GivenAnswer)
    def actions(asked: ActionsModel) -> Response:
        """Acknowledge, reset, shelve …, as the person who asks; refused whole where one of them cannot be done."""
        seen = view("")
        states = {state.id: state for state in seen.alarms()}
        known = {(stream.asset, signal.name) for stream in seen.streams().values() for signal in stream.signals}
        wanted = [_action(one, words, states, known, behind.clock.now_ns()) for one in asked.actions]
        given = act(behind.desk, wanted)
        return json_of({"actions": [{"id": str(one.id), "kind": one.kind, "alarm": one.alarm} for one in given]})

    return router


def _is_below(asset: str, path: str) -> bool:
    return asset == path or asset.startswith(path + "/")


def _action(
    asked: ActionModel, words: AlarmWords, states: dict[str, AlarmState], known: set[tuple[str, str]], now_ns: int
) -> AlarmAction:
    """The action of the person who asks; raises Forbidden without the right, AskedWrongly where it cannot be."""
    kind = ActionKind(asked.kind)
    asset, rule, signal = split_alarm(asked.alarm)
    needs(RIGHTS[kind], site_of(asset))
    state = states.get(asked.alarm)
    if state is None and (not words.knows(asked.alarm) or (signal and (asset, signal) not in known)):
        raise AskedWrongly(404, f"there is no alarm {asked.alarm[:200]!r}", "alarm", "see /api/v1/alarms")
    why = asked.why.replace("\0", "").strip()
    action = AlarmAction(kind, asked.alarm, person().name, now_ns, why, asked.occurrence, asked.for_s)
    problem = refusal(action, state or AlarmState(asked.alarm, asset, rule, signal))
    if problem is not None:
        what = refused_said(problem)["en"]
        raise AskedWrongly(409, what, f"{kind} {asked.alarm[:200]}", "look at /api/v1/alarms again", problem.value)
    return action
