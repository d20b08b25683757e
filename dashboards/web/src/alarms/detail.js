// One alarm in full: value and limit, a trend around its time, consequence, what to do, its own journal, and what may be done.
import { clock, fetchJson } from "../clock.js";
import { el, setText, Sheet, toggle } from "../dom.js";
import { duration, minute, number, shownAs, time } from "../format.js";
import { makeEpisode } from "../label/make.js";
import { live } from "../live.js";
import { assetHref, follow } from "../navigate.js";
import { color, onTheme } from "../theme.js";
import { t } from "../words.js";
import { setPriority } from "./marks.js";
import { alarms } from "./model.js";
import { alarmName, assetName, inLanguage, letterWord, placesOf, trendHref, valueOf } from "./say.js";

const BEFORE_MS = 600_000;
const AFTER_MS = 120_000;
const BACK_S = 30 * 86_400;
const POINTS = 240;
const JOURNAL = 6;
const EPISODE_MS = 600_000;
/** What the browser takes for now may lie ahead of the server. */
const BEHIND_MS = 500;
const SHELVE_S = [1800, 3600, 8 * 3600];
const MORE = ["reset", "unshelve", "suppress", "unsuppress", "take_out_of_service", "put_back_in_service"];
const NEEDS_WHY = new Set(["suppress", "take_out_of_service"]);

export class Detail {
  constructor(page, root) {
    this.page = page;
    this.root = root;
    this.id = undefined;
    this.series = null;
    this.build();
    this.endTheme = onTheme(() => this.sheet.ask());
    this.timer = setInterval(() => this.draw(this.row, this.id), 1000);
  }

  build() {
    const figure = (name) => {
      const one = { value: el("b"), unit: el("small", { class: "unit" }) };
      one.node = el("div", null, el("span", { class: "lab" }, t(`alarm.${name}`)), el("span", { class: "ft-ad-v" }, one.value, one.unit));
      return one;
    };
    this.mark = el("i", { class: "ft-pri-l" });
    this.name = el("h2");
    this.where = el("p", { class: "mute" });
    this.tag = el("span", { class: "ft-ad-tag" });
    this.head = el("header", { class: "ft-ad-h" }, this.mark, el("div", null, this.name, this.where), this.tag);
    this.figures = { value: figure("value"), limit: figure("limit"), time: figure("time"), since: figure("since") };
    this.chart = el("div", { class: "ft-ad-chart" });
    this.sheet = new Sheet(this.chart, (context, width, height) => this.drawChart(context, width, height), t("alarm.trend"));
    this.texts = { condition: el("dd"), consequence: el("dd"), action: el("dd", { class: "ft-ad-do" }), last: el("dd") };
    this.lastTerm = el("dt", null, t("alarm.last_action"));
    this.journal = el("ul", { class: "ft-ad-j" });
    this.comment_ = el("textarea", { class: "ft-in", rows: 2, maxlength: 500, placeholder: t("alarm.comment"), "aria-label": t("alarm.comment") });
    this.comment_.addEventListener("input", () => this.drawButtons());
    this.ack = el("button", { class: "btn main-btn ft-ad-ack", type: "button", onclick: () => this.do("acknowledge") }, t("alarm.acknowledge"), el("kbd", { class: "opt" }, "K"));
    this.for_s = SHELVE_S[1];
    this.spans = el("span", { class: "seg", role: "group", "aria-label": t("alarm.shelve_for") }, SHELVE_S.map((s) => el("button", { type: "button", "data-s": s, onclick: () => this.setSpan(s) }, s < 3600 ? t("span.minutes", { n: s / 60 }) : t("span.hours", { n: s / 3600 }))));
    this.shelve = el("button", { class: "btn", type: "button", onclick: () => this.do("shelve", { for_s: this.for_s }) }, t("alarm.shelve"));
    this.more = new Map(MORE.map((kind) => [kind, el("button", { class: "btn", type: "button", hidden: true, onclick: () => this.do(kind) }, t(`alarm.${kind}`))]));
    this.why = el("p", { class: "ft-ad-why", role: "status" });
    this.asset = el("a", { class: "btn", onclick: follow }, t("alarm.open_asset"));
    this.trend = el("a", { class: "btn", onclick: follow }, t("alarm.open_trend"));
    this.replay = el("button", { class: "btn", type: "button", onclick: () => this.replayIt() }, t("alarm.replay"));
    this.episode = el("button", { class: "btn", type: "button", onclick: () => this.makeEpisode() }, t("label.make"));
    this.body = el(
      "div",
      { class: "ft-ad-b" },
      el("div", { class: "ft-ad-figs" }, Object.values(this.figures).map((one) => one.node)),
      this.chart,
      el("dl", { class: "ft-ad-t" }, el("dt", null, t("alarm.condition")), this.texts.condition, el("dt", null, t("alarm.consequence")), this.texts.consequence, el("dt", null, t("alarm.action")), this.texts.action, this.lastTerm, this.texts.last),
      el("div", { class: "ft-ad-jb" }, el("span", { class: "lab" }, t("alarm.own_journal")), this.journal),
    );
    this.hands = el(
      "div",
      { class: "ft-ad-hands" },
      this.comment_,
      this.why,
      el("div", { class: "ft-ad-row" }, this.ack, el("span", { class: "ft-ad-shelve" }, this.spans, this.shelve)),
      el("div", { class: "ft-ad-row" }, [...this.more.values()]),
      el("div", { class: "ft-ad-row ft-ad-links" }, this.asset, this.trend, this.replay, this.episode),
    );
    this.nothing = el("div", { class: "pg-nothing" }, (this.nothingText = el("p", null, t("alarm.choose"))));
    this.root.replaceChildren(this.head, this.body, this.hands, this.nothing);
    this.setSpan(this.for_s);
  }

  get comment() {
    return this.comment_.value.trim();
  }

  setSpan(s) {
    this.for_s = s;
    for (const button of this.spans.children) toggle(button, "on", Number(button.dataset.s) === s);
  }

  /** What was written was used. */
  done() {
    this.comment_.value = "";
    this.asked = null;
  }

  do(kind, how = {}) {
    if (this.row) this.page.act(kind, [this.row], { ...how, why: this.comment });
  }

  replayIt() {
    if (this.row?.raised_ms) clock.seek(this.row.raised_ms - 60_000);
  }

  /** A minute before it was raised until it cleared, or until now; ten minutes at most. */
  async makeEpisode() {
    const { asset, raised_ms, cleared_ms } = this.row;
    const from = raised_ms - 60_000;
    try {
      await makeEpisode(asset, from, Math.min(cleared_ms ?? Infinity, clock.now() - BEHIND_MS, from + EPISODE_MS));
    } catch (error) {
      setText(this.why, t("oee.not_saved", { detail: error.message }));
    }
  }

  draw(row, id) {
    const before = this.id;
    this.row = row;
    this.id = id;
    for (const node of [this.head, this.body, this.hands]) node.hidden = !row;
    this.nothing.hidden = Boolean(row);
    setText(this.nothingText, id && alarms.ready ? t("alarm.gone") : t("alarm.choose"));
    if (!row) return;
    const { lang } = this.page;
    const zone = live.directory.sites.get(row.site)?.timezone ?? this.page.zone;
    setPriority(this.mark, row.priority, row.waits);
    setText(this.name, alarmName(row, lang));
    setText(this.where, [...placesOf(row.asset, lang), assetName(row)].join(" › "));
    this.head.dataset.pri = row.waits ? row.priority : "";
    setText(this.tag, `${letterWord(row.letter)}${row.raised ? ` · ${t("alarm.lasts")}` : ""}`);
    const value = valueOf(row);
    const limit = valueOf(row, row.limit);
    this.figure("value", value.text, value.unit);
    this.figure("limit", row.limit === null ? "–" : limit.text, row.limit === null ? "" : limit.unit);
    this.figure("time", time(row.raised_ms, zone), "");
    this.figure("since", row.raised_ms ? duration(clock.now() - row.raised_ms) : "–", "");
    setText(this.texts.condition, inLanguage(row.condition, lang));
    setText(this.texts.consequence, inLanguage(row.consequence, lang));
    setText(this.texts.action, inLanguage(row.action, lang));
    const last = [row.who, inLanguage(row.why_said, lang)].filter(Boolean).join(": ");
    this.lastTerm.hidden = this.texts.last.hidden = !last;
    setText(this.texts.last, last);
    this.asset.href = assetHref(row.asset);
    this.trend.hidden = !row.signal || typeof row.value === "string";
    this.trend.href = trendHref(row);
    if (before !== id) this.done();
    this.drawButtons();
    this.ask(row);
  }

  figure(name, text, unit) {
    setText(this.figures[name].value, text);
    setText(this.figures[name].unit, unit);
  }

  drawButtons() {
    const { row } = this;
    if (!row) return;
    const why = this.comment;
    this.ack.disabled = !alarms.may("acknowledge", row);
    this.shelve.disabled = !alarms.may("shelve", row) || !why;
    this.spans.parentElement.hidden = !row.can.includes("shelve") || row.letter === "G";
    for (const [kind, button] of this.more) {
      const rights = alarms.rights[row.site] ?? [];
      button.hidden = !row.can.includes(kind) || !rights.includes(kind);
      button.disabled = !alarms.may(kind, row) || (NEEDS_WHY.has(kind) && !why);
    }
    const rights = alarms.rights[row.site] ?? [];
    this.episode.disabled = !rights.length || !row.raised_ms;
    const said = clock.replaying ? t("alarm.not_in_the_past") : !rights.length ? t("alarm.no_right") : why ? "" : t("alarm.why_needed");
    setText(this.why, said);
    this.comment_.disabled = clock.replaying || !rights.length;
  }

  /** The alarm's own journal and its trend, asked for when it changes and then now and then. */
  async ask(row) {
    const key = `${row.id}|${row.letter}|${row.occurrence}|${row.count}|${clock.replaying ? Math.round(clock.at_ms / 5000) : Math.round(live.now() / 5000)}`;
    if (this.asked === key || this.busy) return;
    this.asked = key;
    this.busy = true;
    const asOf = clock.replaying ? Math.round(clock.at_ms) : null;
    const moment = asOf === null ? {} : { as_of: asOf };
    try {
      const from = Math.round((row.raised_ms ?? clock.now()) - BEFORE_MS);
      const query = new URLSearchParams({ alarm: row.id, limit: String(JOURNAL), span_s: String(BACK_S), ...moment });
      const to = Math.round(Math.min(clock.now(), (row.cleared_ms ?? clock.now()) + AFTER_MS, from + 6 * BEFORE_MS));
      const [journal, series] = await Promise.all([
        fetchJson(`/api/v1/alarms/journal?${query}`),
        row.signal && typeof row.value !== "string" ? this.fetchTrend(row, from, to, asOf) : null,
      ]);
      if (this.row?.id === row.id) {
        this.drawJournal(journal.journal);
        this.series = series;
        this.chart.hidden = !series?.t_ms.length;
        this.sheet.ask();
      }
    } catch (error) {
      this.journal.replaceChildren(el("li", { class: "mute" }, t("error.answer", { what: t("alarm.own_journal"), detail: error.message, at: new Date(clock.now()).toISOString().slice(11, 19) })));
    }
    this.busy = false;
  }

  fetchTrend(row, from, to, asOf) {
    const query = new URLSearchParams({ signal: `${row.asset}:${row.signal}`, from_ms: String(from), to_ms: String(to), max_points: String(POINTS) });
    if (asOf !== null) query.set("as_of_ms", String(asOf));
    // A signal that the store does not know any more has no trend; the rest of the card lives on.
    return fetchJson(`/view/trend?${query}`).then((series) => ({ ...series, from, to }), () => null);
  }

  drawJournal(rows) {
    const zone = live.directory.sites.get(this.row.site)?.timezone ?? this.page.zone;
    this.journal.replaceChildren(
      ...rows.map((row) => {
        const mark = el("i");
        setPriority(mark, row.priority, row.kind === "AlarmRaised" || row.kind === "AlarmRepeated");
        return el("li", null, mark, el("time", null, time(row.t_ms, zone)), el("span", null, t(`journal.${row.kind}`, {}, row.kind)), el("small", { class: "mute" }, [row.who, inLanguage(row.why_said, this.page.lang)].filter(Boolean).join(": ")));
      }),
    );
  }

  drawChart(context, width, height) {
    const { series, row } = this;
    if (!series?.t_ms.length || !row) return;
    const column = live.directory.signals.get(`${row.asset}:${row.signal}`)?.column;
    const { factor, decimals } = column ? shownAs(column) : { factor: 1, decimals: 1 };
    const limit = row.limit === null ? null : row.limit * factor;
    const zone = live.directory.sites.get(row.site)?.timezone ?? this.page.zone;
    const [left, top, bottom] = [38, 6, height - 18];
    const values = [...series.min, ...series.max].filter((x) => x !== null).map((x) => x * factor);
    const limits = limit === null ? [] : row.beyond === "either" && Math.min(...values) < 0 ? [limit, -limit] : [limit];
    let [low, high] = [Math.min(...values, ...limits), Math.max(...values, ...limits)];
    if (low === high) [low, high] = [low - 1, high + 1];
    const pad = (high - low) * 0.08;
    [low, high] = [low - pad, high + pad];
    const x = (ms) => left + ((ms - series.from) / (series.to - series.from)) * (width - left - 2);
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
    context.font = `11px ${color("--font")}`;
    context.fillStyle = color("--p1-ground");
    for (const one of limits) {
      const edge = y(one);
      if (row.beyond === "below" || one < limit) context.fillRect(left, edge, width - left, Math.max(0, bottom - edge));
      else context.fillRect(left, top, width - left, Math.max(0, edge - top));
    }
    context.strokeStyle = color("--line");
    context.fillStyle = color("--ink-2");
    context.textAlign = "right";
    for (const value of [low + pad, (low + high) / 2, high - pad]) {
      context.fillText(number(value, Math.abs(high - low) < 5 ? Math.max(1, decimals) : 0), left - 6, y(value) + 4);
      context.beginPath();
      context.moveTo(left, Math.round(y(value)) + 0.5);
      context.lineTo(width, Math.round(y(value)) + 0.5);
      context.stroke();
    }
    context.textAlign = "left";
    for (const share of [0, 0.5, 1]) {
      const ms = series.from + share * (series.to - series.from);
      context.textAlign = share === 0 ? "left" : share === 1 ? "right" : "center";
      context.fillText(minute(ms, zone), x(ms), height - 4);
    }
    if (limit !== null) {
      context.strokeStyle = color("--needle");
      context.setLineDash([5, 3]);
      context.beginPath();
      for (const one of limits) {
        context.moveTo(left, y(one));
        context.lineTo(width, y(one));
      }
      context.stroke();
      context.setLineDash([]);
      context.textAlign = "left";
      context.fillStyle = color("--ink");
      context.fillText(`${t("alarm.limit")} ${number(limit, Math.abs(limit) < 100 ? 1 : 0)}`, left + 4, y(limit) - 4 < top + 8 ? y(limit) + 12 : y(limit) - 4);
    }
    context.strokeStyle = color("--needle");
    context.lineWidth = 1.3;
    context.beginPath();
    series.t_ms.forEach((ms, i) => {
      if (series.min[i] === null || series.max[i] === null) return;
      const px = x(ms);
      context.moveTo(px, y(series.max[i] * factor));
      context.lineTo(px, y(series.min[i] * factor) + 0.5);
      if (i && series.mean[i - 1] !== null) {
        context.moveTo(x(series.t_ms[i - 1]), y(series.mean[i - 1] * factor));
        context.lineTo(px, y(series.mean[i] * factor));
      }
    });
    context.stroke();
    context.lineWidth = 1;
    if (row.raised_ms) {
      context.strokeStyle = color(`--p${row.priority ?? 1}`);
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(x(row.raised_ms), top);
      context.lineTo(x(row.raised_ms), bottom);
      context.stroke();
      context.lineWidth = 1;
    }
  }

  dispose() {
    clearInterval(this.timer);
    this.endTheme();
    this.sheet.dispose();
  }
}
