"""Trying a mapping on a message before it is saved: what the options make of it, or why not."""

from __future__ import annotations

import asyncio
import base64
import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit
from dash import Input, Output, State, dcc, html, no_update

from connectors.listen import listen
from connectors.plugins import description, names
from connectors.trial import asked as ask_all
from connectors.trial import one_dialect
from dashboards.access.auth import allowed, changes, needs
from dashboards.format import local_time
from dashboards.page import Asked
from dashboards.parts import empty
from dashboards.preferences import current
from twin.errors import StoreError, TwinError
from twin.message import Message
from twin.policy import Right

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.page import Behind

LISTEN_S = 3.0
HEARD_MOST = 20
LETTERS_MOST = 30
ROWS_MOST = 200
PAYLOAD_MOST = 100_000
BINARY = "base64:"
"""Begins a payload that is no text."""
_QUIETLY = "try"


def card(asked: Asked) -> Any:
    """Dialect and options, a message, and what comes of it."""
    sources = [one for one in asked.behind.factory.sources if one.type == "mqtt"]
    dialects = [{"label": f"{name}: {description('decoders', name)}", "value": name} for name in names("decoders")]
    left = html.Div(
        [
            _field(
                asked.t("try.source"),
                dcc.Dropdown([{"label": one.name, "value": one.name} for one in sources], id="try-source"),
            ),
            _field(asked.t("try.dialect"), dcc.Dropdown(dialects, "json_object", id="try-dialect", clearable=False)),
            _field(
                asked.t("try.options"),
                dcc.Textarea(
                    id="try-options", value="", spellCheck=False, placeholder='topic = "{place...}/{asset}/{stream}"'
                ),
            ),
        ],
        className="pg-try-col",
    )
    middle = html.Div(
        [
            html.Div(
                [
                    _field(asked.t("try.topic"), dcc.Input(id="try-topic", value="", type="text", maxLength=500)),
                    html.Button(
                        asked.t("try.listen", s=f"{LISTEN_S:g}"),
                        id="try-listen",
                        className="btn",
                        disabled=not allowed(Right.CONFIGURE),
                    ),
                ],
                className="pg-try-topic",
            ),
            _field(
                asked.t("try.recorded"),
                dcc.Dropdown(_letters(asked), id="try-heard", placeholder=asked.t("try.recorded_do")),
            ),
            html.P(id="try-heard-note", className="cap"),
            _field(asked.t("try.payload"), dcc.Textarea(id="try-payload", value="", spellCheck=False)),
            html.Button(asked.t("try.run"), id="try-run", className="btn main-btn"),
        ],
        className="pg-try-col",
    )
    right = html.Div(
        empty(asked.t("try.nothing"), asked.t("try.nothing_do")), id="try-result", className="ft-scroll", tabIndex=0
    )
    return html.Section(
        [
            html.Header([html.H2(asked.t("try.title")), html.Small(asked.t("try.hint"))], className="card-h"),
            html.Div([left, middle, right], className="pg-try"),
        ],
        className="card",
    )


def _field(label: str, body: Any) -> Any:
    return html.Label([html.Span(label), body], className="pg-field")


def _letters(asked: Asked) -> list[dict[str, str]]:
    """The newest dead letters, to choose from: their text is the value."""
    try:
        letters = asked.behind.reader.history().dead_letters(limit=LETTERS_MOST)
    except StoreError:
        return []
    zone = asked.behind.factory.hub.sites[0].timezone
    return [
        _choice(one.topic, one.payload, f"{one.topic} · {one.reason} · {local_time(one.last_ns, zone)}")
        for one in letters
        if one.reason != "key_conflict" and len(one.payload) <= PAYLOAD_MOST
    ]


def _choice(topic: str, payload: bytes, label: str) -> dict[str, str]:
    return {"label": label, "value": f"{topic}\n{shown(payload)}"}


def shown(payload: bytes) -> str:
    """A payload as text; one that is none in base64."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return BINARY + base64.b64encode(payload).decode()
    plain = text.replace("\n", " ").replace("\t", " ").replace("\r", " ")
    if plain.isprintable() and not text.startswith(BINARY):
        return text
    return BINARY + base64.b64encode(payload).decode()


def meant(text: str) -> bytes:
    """What `shown` showed; raises ValueError for base64 that is none."""
    if text.startswith(BINARY):
        return base64.b64decode(text.removeprefix(BINARY), validate=True)
    return text.encode("utf-8", "surrogatepass")


def _attempt(asked: Asked, dialect: str, options: str, topic: str, payload: str) -> Any:
    """What the dialect with these options makes of the message."""
    try:
        typed = tomllib.loads(options)
        body = meant(payload)
        trial = one_dialect(dialect, typed, asked.behind.factory.hub, source=_QUIETLY)
    except (ValueError, TwinError) as error:
        return _refused(asked, "options", str(error), "")
    message = Message(topic, body, asked.behind.clock.now_ns(), 1)
    (answer,) = ask_all(trial, [_QUIETLY], message)
    parts: list[Any] = [_refused(asked, one["reason"], one["detail"], one["hint"]) for one in answer["rejected"]]
    if answer["samples"]:
        parts.append(_table(asked, answer["samples"]))
    elif answer["handled"]:
        parts.append(html.P(asked.t("try.handled", kind=answer["handled"]), className="pg-pend-done"))
    parts += [
        html.P([html.Code(one["rule"]), " ", one["device"], ": ", one["detail"]], className="pg-pend-warn")
        for one in answer["findings"]
    ]
    if not answer["rejected"]:
        parts.append(html.Details([html.Summary(asked.t("try.as_source")), html.Pre(_source(dialect, typed, topic))]))
    return parts


def _refused(asked: Asked, reason: str, detail: str, hint: str) -> Any:
    return html.Div(
        [
            html.P([html.B(asked.t("try.refused")), " ", html.Code(reason)]),
            html.P(detail),
            *([html.P(hint, className="mute")] if hint else []),
        ],
        className="pg-pend-warn",
    )


def _table(asked: Asked, samples: list[dict[str, Any]]) -> Any:
    zone = asked.behind.factory.hub.sites[0].timezone
    words = {name: asked.t(f"try.{name}") for name in ("asset", "signal", "value", "time", "quality")}
    head = [html.Th(word, className="" if name in ("asset", "signal") else "num") for name, word in words.items()]
    rows = [
        html.Tr(
            [
                html.Td(one["asset"]),
                html.Td(html.B(one["signal"])),
                html.Td(str(one["value"]), className="num"),
                html.Td(local_time(one["t_ns"], zone), className="num"),
                html.Td(str(one["quality"]), className="num"),
            ]
        )
        for one in samples[:ROWS_MOST]
    ]
    return html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="tbl")


def _source(dialect: str, options: dict[str, Any], topic: str) -> str:
    """A source that would take such messages, to be put into the factory file."""
    table = {"name": "new-source", "topics": [topic], "decoder": dialect, "options": options}
    return tomlkit.dumps({"source": [{key: value for key, value in table.items() if value != {}}]})


def callbacks(app: Dash, behind: Behind) -> None:
    """Starting from a source, hearing or choosing a message, trying it."""

    @app.callback(
        Output("try-dialect", "value"),
        Output("try-options", "value"),
        Output("try-topic", "value"),
        Input("try-source", "value"),
        prevent_initial_call=True,
    )
    async def begin(name: str | None) -> tuple[Any, Any, Any]:
        source = next((one for one in behind.factory.sources if one.name == name), None)
        if source is None:
            return no_update, no_update, no_update
        topic = source.topics[0] if source.topics else ""
        return source.decoder, tomlkit.dumps(dict(source.options)), topic

    @app.callback(
        Output("try-heard", "options"),
        Output("try-heard-note", "children"),
        Input("try-listen", "n_clicks"),
        State("try-topic", "value"),
        prevent_initial_call=True,
        running=[(Output("try-listen", "disabled"), True, False)],
    )
    @changes(Right.CONFIGURE)
    async def hear(clicks: int | None, topic: str | None) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        needs(Right.CONFIGURE)  # at every site: a broker's topics are anybody's
        asked = Asked(behind, current().lang)
        try:
            found = await asyncio.to_thread(
                listen, behind.factory.broker, topic or "#", behind.clock, LISTEN_S, HEARD_MOST
            )
        except TwinError as error:
            return no_update, str(error)
        zone = behind.factory.hub.sites[0].timezone
        heard = [_choice(m.topic, m.payload, f"{m.topic} · {local_time(m.received_ns, zone)}") for m in found]
        unlike = list({one["value"]: one for one in heard}.values())
        note = asked.t("try.heard", n=len(found)) if found else asked.t("try.silent", s=f"{LISTEN_S:g}")
        return [*unlike, *await asyncio.to_thread(_letters, asked)], note

    @app.callback(
        Output("try-topic", "value", allow_duplicate=True),
        Output("try-payload", "value"),
        Input("try-heard", "value"),
        prevent_initial_call=True,
    )
    async def take(chosen: str | None) -> tuple[Any, Any]:
        if not chosen:
            return no_update, no_update
        topic, _, payload = chosen.partition("\n")
        return topic, payload

    @app.callback(
        Output("try-result", "children"),
        Input("try-run", "n_clicks"),
        State("try-dialect", "value"),
        State("try-options", "value"),
        State("try-topic", "value"),
        State("try-payload", "value"),
        prevent_initial_call=True,
    )
    async def run(
        clicks: int | None, dialect: str | None, options: str | None, topic: str | None, payload: str | None
    ) -> Any:
        if not clicks or not dialect:
            return no_update
        asked = Asked(behind, current().lang)
        return await asyncio.to_thread(_attempt, asked, dialect, options or "", topic or "", payload or "")
