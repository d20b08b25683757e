"""``/view/episodes`` and ``/api/v1/episodes``: episodes, what is said of them, and what people add to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response  # noqa: TC002  FastAPI reads the annotations

from connectors.desk import labelling
from dashboards.access.auth import allowed, needs, person
from dashboards.access.scope import reach
from dashboards.calls.api import AsOf, Asset, From, Site, To  # noqa: TC001  FastAPI reads the annotations
from dashboards.calls.view import json_of, site_in
from dashboards.errors import AskedWrongly
from dashboards.moment import ns_of_text, span
from dashboards.status import ms
from dashboards.summary.bounds import bounds
from dashboards.summary.directory import EVERY_SITE
from twin.clock import NS_PER_MS
from twin.episodes.episode import Episode, Label, Method, Outcome, hand_id
from twin.episodes.labels import PARTS, WHOLE, problem_of
from twin.errors import StoreRejected
from twin.ids import site_of
from twin.policy import Right

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from connectors.desk.labelling import Labelled
    from dashboards.page import Behind

    _T = TypeVar("_T")

MAX_HAND_S = 3600.0
MOST = 2000
"""So many episodes are labelled in one act."""
EpisodeId = Annotated[str, Query(max_length=600, description="an episode's id, as the list gives it")]
Word = Annotated[str, Query(max_length=300, description="left out: every one")]
Moment = Annotated[str, Field(max_length=64, description="ISO 8601 with offset, or ms since 1970; whole if left out")]
Text = Annotated[str, Field(max_length=300)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LabelModel(_Model):
    """One label: of the whole episode, or of the part from … to."""

    channel: Text
    label: Text
    start: Moment = Field("", alias="from")
    end: Moment = Field("", alias="to")


class LabelsModel(_Model):
    """What a person says of one episode; ``accept`` confirms what the rules say of it."""

    episode: Annotated[str, Field(max_length=600)]
    accept: bool = False
    labels: Annotated[list[LabelModel], Field(max_length=100)] = []


class BulkModel(_Model):
    """One outcome, or each one's own pre-label, for every episode of an asset and task that nobody labelled."""

    asset: Annotated[str, Field(max_length=500)]
    task: Text
    accept: bool = False
    outcome: Text = ""
    cause: Text = ""


class HandModel(_Model):
    """An episode to be made from a replay or an alarm."""

    asset: Annotated[str, Field(max_length=500)]
    start: Annotated[str, Field(max_length=64, alias="from")]
    end: Annotated[str, Field(max_length=64, alias="to")]
    instruction_ko: Text = ""
    instruction_en: Text = ""


def episodes_router(behind: Behind, prefix: str) -> APIRouter:  # noqa: C901, PLR0915  one function a call, side by side
    """The calls, on what stands behind the pages; ``/view`` for these, ``/api/v1`` for other programs."""
    router = APIRouter(prefix=f"{prefix}/episodes", include_in_schema=prefix.startswith("/api"))

    def sites_of(site: str) -> frozenset[str] | None:
        return reach() if site_in(behind, site) == EVERY_SITE else frozenset({site})

    def found(episode: str) -> Labelled:
        """An episode of a site of the person who asks."""
        one = labelling.find(behind.desk, episode)
        if one is None or not person().sees(one.episode.site):
            raise AskedWrongly(404, f"there is no episode {episode[:200]!r}", "episode", f"see {prefix}/episodes")
        return one

    @router.get("")
    def episodes(  # noqa: PLR0913  the parameters of the call
        site: Site = EVERY_SITE,
        asset: Asset = "",
        task: Word = "",
        outcome: Word = "",
        labelled: Annotated[
            Literal["", "yes", "no"], Query(description="by a person or a simulation; left out: both")
        ] = "",
        start: From = "",
        end: To = "",
        as_of: AsOf = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Response:
        """Episodes with what is said of them, those that nobody labelled first, in order of time."""
        now_ns = behind.clock.now_ns()
        as_of_ns = ns_of_text(as_of, "as_of") if as_of else None
        from_ns, to_ns = (ns_of_text(start, "from") if start else 0), (ns_of_text(end, "to") if end else 1 << 62)
        every = labelling.listed(behind.desk, as_of_ns, sites_of(site))
        every = [one for one in every if not asset or _is_below(one.episode.asset, asset)]
        some = [
            one
            for one in every
            if (not task or task in _task(one.episode))
            and (not outcome or one.episode.outcome == outcome)
            and (not labelled or one.is_told is (labelled == "yes"))
            and one.episode.start_ns < to_ns
            and one.episode.end_ns > from_ns
        ]
        some.sort(key=lambda one: (one.is_told, one.episode.start_ns, one.episode.id))
        return json_of(
            {
                "as_of_ms": ms(now_ns if as_of_ns is None else min(as_of_ns, now_ns)),
                "total": len(some),
                "me": person().name,
                "progress": {"labelled": sum(one.is_told for one in every), "all": len(every)},
                "episodes": [_row(one) for one in some[:limit]],
                "may_tell": as_of_ns is None
                and any(
                    allowed(Right.TELL, one.id) for one in behind.factory.hub.sites if site in (EVERY_SITE, one.id)
                ),
            }
        )

    @router.get("/labels")
    def labels(episode: EpisodeId) -> Response:
        """One episode: every label, the superseded ones too, and the boundaries that its signals show."""
        one = found(episode)
        gone = {label.supersedes for label in one.labels}
        rows = [{**_label(label), "stands": label.n not in gone and bool(label.label)} for label in one.labels]
        edges = bounds(behind.live.view(), one.episode)
        return json_of(
            {
                **_row(one),
                "labels": rows,
                "bounds": [{"t_ms": ms(edge.t_ns), "what": edge.what, "signal": edge.signal} for edge in edges],
                "may_tell": allowed(Right.TELL, one.episode.site),
            }
        )

    @router.post("/labels")
    def put(asked: LabelsModel) -> Response:
        """Say something of an episode: earlier labels are superseded, never changed."""
        one = found(asked.episode)
        who = needs(Right.TELL, one.episode.site).name
        new = [_checked(label, one.episode) for label in asked.labels]
        new += _accepted(one) if asked.accept else []
        act = _asked(lambda: labelling.put(behind.desk, who, new))
        return json_of({"act": act, **_row(found(asked.episode))})

    @router.post("/bulk")
    def bulk(asked: BulkModel) -> Response:
        """Label every episode of an asset and task that nobody labelled yet, as one act."""
        who = needs(Right.TELL, site_in(behind, site_of(asked.asset))).name
        some = [
            one
            for one in labelling.listed(behind.desk, None, frozenset({site_of(asked.asset)}))
            if one.episode.asset == asked.asset and asked.task in _task(one.episode) and not one.is_told
        ]
        new: list[Label] = []
        labelled = 0
        for one in some[:MOST]:
            told = _accepted(one, lenient=True) if asked.accept else _outcome(one.episode, asked.outcome, asked.cause)
            new += told
            labelled += bool(told)
        if not new:
            raise AskedWrongly(409, "no episode of this task waits for a label", "task", "choose another task")
        act = _asked(lambda: labelling.put(behind.desk, who, new))
        return json_of({"act": act, "labelled": labelled})

    @router.post("/undo")
    def undo() -> Response:
        """Take back the last that the person did which stands; nothing is erased."""
        mine = frozenset(one.id for one in behind.factory.hub.sites if allowed(Right.TELL, one.id))
        return json_of({"episodes": _asked(lambda: labelling.undo(behind.desk, person().name, mine))})

    @router.get("/agreement")
    def agreement(site: Site = EVERY_SITE) -> Response:
        """How far people agree on outcomes: Cohen's kappa of every two who judged the same episodes."""
        told = labelling.agreed(labelling.listed(behind.desk, None, sites_of(site)))
        return json_of({"agreement": [asdict(one) for one in told]})

    @router.post("")
    def make(asked: HandModel) -> Response:
        """Make an episode of a time of an asset, as a replay or an alarm shows it."""
        who = needs(Right.TELL, site_in(behind, site_of(asked.asset))).name
        if behind.asset(asked.asset) is None and not any(
            one.asset == asked.asset for one in behind.live.streams.values()
        ):
            raise AskedWrongly(404, f"there is no asset {asked.asset[:200]!r}", "asset", "see /api/v1/assets")
        start_ns, end_ns = ns_of_text(asked.start, "from"), ns_of_text(asked.end, "to")
        span(start_ns, end_ns, MAX_HAND_S)
        if start_ns == end_ns or end_ns > behind.clock.now_ns():
            raise AskedWrongly(400, "an episode has some length and is over", "to", "give a time that has passed")
        told = asked.instruction_ko.strip(), asked.instruction_en.strip()
        episode = hand_id(asked.asset, start_ns, end_ns)
        source = next((one.source for one in _sources(behind, asked.asset)), "real")
        one = Episode(
            episode, asked.asset, start_ns, end_ns, start_ns, end_ns, Method.HAND, who,
            instruction_ko=told[0], instruction_en=told[1], source=source,
        )  # fmt: skip
        _asked(lambda: labelling.make(behind.desk, who, one))
        return json_of(_row(found(episode)))

    @router.delete("")
    def unmake(episode: EpisodeId) -> Response:
        """Take an episode away that a person made; those that were cut go with another cut."""
        who = needs(Right.TELL, found(episode).episode.site).name
        _asked(lambda: labelling.unmake(behind.desk, who, episode))
        return json_of({"removed": episode})

    return router


def _sources(behind: Behind, asset: str) -> list[Episode]:
    """Episodes of the same asset that were cut: they say whether it is real or simulated."""
    return [one.episode for one in labelling.listed(behind.desk) if one.episode.asset == asset]


def _asked(do: Callable[[], _T]) -> _T:
    try:
        return do()
    except StoreRejected as error:
        raise AskedWrongly(409, str(error), "episode", "load the list again") from error


def _is_below(asset: str, path: str) -> bool:
    return asset == path or asset.startswith(path + "/")


def _task(one: Episode) -> tuple[str, ...]:
    """The words by which its task is asked for: instructions, and the program that ran."""
    return one.instruction_ko, one.instruction_en, one.program


def _checked(asked: LabelModel, one: Episode) -> Label:
    is_part = asked.channel in PARTS
    if is_part and not (asked.start and asked.end):
        raise AskedWrongly(400, f"{asked.channel} speaks of a part", "from", "give from and to")
    from_ns = ns_of_text(asked.start, "from") if is_part and asked.start else one.start_ns
    to_ns = ns_of_text(asked.end, "to") if is_part and asked.end else one.end_ns
    if one.from_ns - NS_PER_MS < from_ns < one.from_ns:
        from_ns = one.from_ns  # times of a page are whole microseconds
    if one.to_ns < to_ns < one.to_ns + NS_PER_MS:
        to_ns = one.to_ns
    made = Label(one.id, from_ns, to_ns, asked.channel, asked.label.strip(), "human")
    what, do = problem_of(made, one)
    if what:
        raise AskedWrongly(400, what, "labels", do)
    return made


def _accepted(one: Labelled, *, lenient: bool = False) -> list[Label]:
    """What rules and models say of an episode, as a person's word."""
    told = one.suggested
    if told.get("outcome", Outcome.UNKNOWN) == Outcome.UNKNOWN:
        if lenient:
            return []
        raise AskedWrongly(409, "no rule says what came of it", "accept", "say it yourself", "no_suggestion")
    return [_whole(one.episode, channel, told[channel]) for channel in WHOLE if told.get(channel)]


def _outcome(one: Episode, outcome: str, cause: str) -> list[Label]:
    made = [_whole(one, "outcome", outcome)]
    if outcome == Outcome.FAILURE and cause.strip():
        made.append(_whole(one, "cause", cause.strip()))
    for label in made:
        what, do = problem_of(label, one)
        if what:
            raise AskedWrongly(400, what, label.channel, do)
    return made


def _whole(one: Episode, channel: str, text: str) -> Label:
    return Label(one.id, one.start_ns, one.end_ns, channel, text, "human")


def _row(one: Labelled) -> dict[str, Any]:
    episode = one.episode
    suggested = one.suggested
    return {
        "id": episode.id,
        "site": episode.site,
        "asset": episode.asset,
        "start_ms": ms(episode.start_ns),
        "end_ms": ms(episode.end_ns),
        "from_ms": ms(episode.from_ns),
        "to_ms": ms(episode.to_ns),
        "duration_s": episode.duration_s,
        "method": episode.method.value,
        "key": episode.key,
        "program": episode.program,
        "source": episode.source,
        "censored": episode.censored,
        "task": {"ko": episode.instruction_ko, "en": episode.instruction_en},
        "outcome": episode.outcome.value,
        "cause": episode.cause,
        "suggested": {"outcome": suggested.get("outcome", "unknown"), "cause": suggested.get("cause", "")},
        "by": sorted(one.outcomes),
        "labelled": one.is_told,
    }


def _label(one: Label) -> dict[str, Any]:
    return {
        "n": one.n,
        "channel": one.channel,
        "label": one.label,
        "from_ms": ms(one.from_ns),
        "to_ms": ms(one.to_ns),
        "source": one.source,
        "confidence": one.confidence,
        "who": one.who,
        "at_ms": ms(one.at_ns),
        "supersedes": one.supersedes,
    }
