// OEE & losses: each card asks for its own figures, so none waits for another.
import { clock, fetchJson } from "../clock.js";
import { Core } from "../component.js";
import { el, setText, svg } from "../dom.js";
import { minute, monthDay, number } from "../format.js";
import { follow, go, oeeHref, reportHref } from "../navigate.js";
import { Poll } from "../poll.js";
import { t } from "../words.js";
import { FACTORS, inputsOf, shown, SPANS, whyText } from "./oee_shown.js";
import { LanesCard } from "./oee_lanes.js";
import { StopsCard } from "./oee_stops.js";
import { WaterfallCard } from "./oee_waterfall.js";

const EVERY_MS = 15000;
const REPLAY_MS = 2500;
export const TREND_SHIFTS = 14;

/** Where "=" and "×" stand between the factors. */
const SIGNS = ["", "=", "×", "×"];

export class OeeView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-oee");
    this.until(() => root.classList.remove("ft-oee"));
    this.span = SPANS.includes(new URL(location.href).searchParams.get("span")) ? new URL(location.href).searchParams.get("span") : "shift";
    this.trend = [];
    this.abort = new AbortController();
    this.until(() => this.abort.abort());
    this.cards = [new WaterfallCard(this), new StopsCard(this), new LanesCard(this)];
    this.build();
    this.figures = this.poll("figures", (answer) => this.hear(answer), (failed) => this.fail(failed));
    this.newest = new Poll((asOf) => this.address("trend", asOf, { back: "0" }), (answer, moment) => this.hearNewest(answer, moment), 2 * EVERY_MS, () => {}, 2 * REPLAY_MS);
    this.until(() => this.newest.dispose());
    for (const card of this.cards) card.start();
    this.until(() => this.cards.forEach((card) => card.dispose()));
  }

  address(name, asOf, more = {}) {
    const asked = new URLSearchParams({ scope: this.props.scope, ...more });
    if (!("back" in more)) asked.set("span", this.span);
    if (asOf !== null) asked.set("as_of_ms", String(Math.round(asOf)));
    return `/view/kpi/${name}?${asked}`;
  }

  poll(name, heard, failed) {
    const made = new Poll((asOf) => this.address(name, asOf), heard, EVERY_MS, failed, REPLAY_MS);
    this.until(() => made.dispose());
    return made;
  }

  /** Something was told of a stop: every figure may be another one. */
  refresh() {
    this.trendOf = null;
    this.figures.refresh();
    this.newest.refresh();
    for (const card of this.cards) card.refresh();
  }

  build() {
    const spans = SPANS.map((name) => el("button", { type: "button", "data-span": name, onclick: () => this.choose(name) }, t(`oee.span_${name}`)));
    this.spans = el("div", { class: "seg", role: "group", "aria-label": t("oee.span") }, spans);
    this.period = el("span", { class: "oee-period" });
    const choose = el("select", { class: "ft-choice oee-scope", "aria-label": t("oee.scope"), onchange: (event) => go(oeeHref(event.target.value)) });
    for (const one of this.props.scopes ?? []) {
      const indent = one.of === "site" ? "" : one.of === "line" ? "\u2003" : "\u2003\u2003";
      choose.append(el("option", { value: one.id, selected: one.id === this.props.scope }, indent + (one.name[this.lang] ?? one.name.en)));
    }
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.factors = new Map();
    this.reliability = new ReliabilityCard(this);
    this.root.replaceChildren(
      el("div", { class: "oee-bar" }, choose, this.spans, this.period, el("a", { class: "btn r", href: reportHref(this.props.site), onclick: follow }, t("oee.to_report"))),
      this.note,
      el("div", { class: "oee-factors" }, FACTORS.map((name, i) => [SIGNS[i] ? el("span", { class: "oee-op", "aria-hidden": "true" }, SIGNS[i]) : null, this.factor(name)]).flat()),
      ...this.cards.map((card) => card.node),
      this.reliability.node,
    );
    this.markSpan();
  }

  factor(name) {
    const card = { value: el("b", { class: "fig" }), unit: el("small", { class: "unit" }), target: el("span", { class: "cap" }), formula: el("span", { class: "cap oee-formula" }), fill: el("i", { class: "fill" }), tick: el("i", { class: "tgt is-absent" }), trend: el("div", { class: "oee-spark" }), coverage: el("b"), covered: el("i"), why: el("span", { class: "oee-why", hidden: true }), pop: el("div", { class: "oee-pop", role: "tooltip", id: `oee-pop-${name}` }) };
    card.node = el(
      "section",
      { class: "card oee-factor", tabindex: "0", "aria-label": t(`kpi.${name}`), "aria-describedby": `oee-pop-${name}` },
      el("header", { class: "oee-f-h" }, el("h2", null, t(`kpi.${name}`), " ", el("small", null, t(`kpi_formula.${name}`))), card.target),
      el("div", { class: "oee-f-v" }, el("span", null, card.value, card.unit), card.why, card.trend),
      el("div", { class: "abar" }, card.fill, card.tick),
      el("div", { class: "oee-cover" }, card.formula, el("span", { class: "cap" }, t("oee.coverage")), el("span", { class: "oee-cover-bar" }, card.covered), card.coverage),
      card.pop,
    );
    this.factors.set(name, card);
    return card.node;
  }

  choose(span) {
    this.span = span;
    const url = new URL(location.href);
    url.searchParams.set("span", span);
    history.replaceState(history.state, "", url.pathname + url.search);
    this.markSpan();
    this.refresh();
  }

  markSpan() {
    for (const button of this.spans.children) {
      button.classList.toggle("on", button.dataset.span === this.span);
      button.setAttribute("aria-pressed", String(button.dataset.span === this.span));
    }
  }

  hear(answer) {
    this.answer = answer;
    setText(this.period, periodText(answer.time, this.lang, this.zone));
    const row = answer.row;
    for (const [name, card] of this.factors) {
      const kpi = row.kpis[name];
      const target = row.targets[name];
      const none = kpi.value === null;
      setText(card.value, none ? "–" : number(kpi.value * 100, 1));
      setText(card.unit, none ? "" : "%");
      card.why.hidden = !none;
      setText(card.why, none ? whyText(kpi.why_none) : "");
      setText(card.target, target ? t("oee.target", { n: number(target * 100, 1) }) : "");
      card.fill.style.width = `${Math.min(100, Math.max(0, (kpi.value ?? 0) * 100)).toFixed(1)}%`;
      card.tick.classList.toggle("is-absent", !target);
      card.tick.style.left = `${(target ?? 0) * 100}%`;
      setText(card.formula, shown(name, row));
      setText(card.coverage, kpi.coverage === null ? "–" : `${number(kpi.coverage * 100, 1)} %`);
      card.covered.style.width = `${(kpi.coverage ?? 0) * 100}%`;
      card.node.classList.toggle("is-thin", (kpi.coverage ?? 0) < 0.95);
      card.pop.replaceChildren(...inputsOf(name, kpi));
    }
    this.reliability.draw(row);
    this.cards[0].hear(answer);
    this.drawTrend();
  }

  /** The newest shift of the trend; when it is another one, those before it are asked for one by one. */
  async hearNewest(answer, moment) {
    const key = `${this.props.scope} ${answer.time?.from_ms}`;
    if (key === this.trendOf) {
      this.trend[0] = answer;
      this.drawTrend();
      return;
    }
    this.trendOf = key;
    this.trend = [answer];
    this.drawTrend();
    for (let back = 1; back < TREND_SHIFTS && answer.time; back++) {
      let found;
      try {
        found = await fetchJson(this.address("trend", moment, { back: String(back) }), this.abort.signal);
      } catch {
        return; // the figure of now tells that nothing comes
      }
      if (this.trendOf !== key || this.abort.signal.aborted || !found.time) return;
      this.trend[back] = found;
      this.drawTrend();
    }
  }

  drawTrend() {
    const shifts = [...this.trend].reverse().filter((one) => one?.row);
    for (const [name, card] of this.factors) card.trend.replaceChildren(bars(shifts, name, this.lang, this.zone));
    this.reliability.drawTrend(shifts);
  }

  fail(message) {
    this.note.hidden = message === null;
    if (message !== null) setText(this.note, t("error.answer", { what: t("oee.title"), detail: message, at: new Date(clock.now()).toISOString().slice(11, 19) }));
  }
}

export function periodText(time, lang, zone) {
  if (!time) return "";
  const name = time.name?.[lang] ?? time.name?.en;
  const range = `${monthDay(time.from_ms, zone)} ${minute(time.from_ms, zone)}–${monthDay(time.to_ms, zone) === monthDay(time.from_ms, zone) ? "" : `${monthDay(time.to_ms, zone)} `}${minute(time.to_ms, zone)}`;
  return name ? `${name} · ${range}` : range;
}

function shiftLabel(one, lang, zone) {
  return `${monthDay(one.time.from_ms, zone)} ${one.time.name?.[lang] ?? one.time.name?.en ?? one.time.shift ?? ""}`;
}

/** Small bars, a shift each, the newest at the right; the target as a line. */
function bars(shifts, name, lang, zone) {
  const [wide, tall, step] = [118, 34, 8.4];
  const node = svg("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img", "aria-label": t("oee.trend_of", { what: t(`kpi.${name}`), n: shifts.length }) });
  if (shifts.length < 2) return node;
  const values = shifts.map((one) => one.row.kpis[name].value).filter((one) => one !== null);
  const target = shifts.at(-1).row.targets[name] ?? null;
  const low = Math.max(0, Math.min(...values, target ?? 1) - 0.12);
  const high = Math.max(...values, target ?? 0, low + 0.01);
  const y = (value) => tall - 1 - ((value - low) / (high - low)) * (tall - 6);
  shifts.forEach((one, i) => {
    const value = one.row.kpis[name].value;
    const x = wide - (shifts.length - i) * step;
    if (value === null) node.append(svg("rect", { x, y: tall - 2, width: step - 2, height: 1, class: "oee-none" }));
    else
      node.append(
        svg("rect", { x, y: y(value), width: step - 2, height: Math.max(1, tall - y(value)), class: i === shifts.length - 1 ? "oee-now" : "oee-then" }, svg("title", null, `${shiftLabel(one, lang, zone)} ${number(value * 100, 1)} %`)),
      );
  });
  if (target) node.append(svg("line", { x1: wide - shifts.length * step, x2: wide, y1: y(target), y2: y(target), class: "oee-target" }));
  return node;
}

/** A line over the shifts, the target dashed. */
function line(shifts, name, lang, zone, wide) {
  const [tall, left] = [58, 4];
  const node = svg("svg", { width: wide, height: tall, class: "oee-line", role: "img", "aria-label": t("oee.trend_of", { what: t(`kpi.${name}`), n: shifts.length }) });
  const known = shifts.map((one, i) => ({ one, i, value: one.row.kpis[name].value })).filter((each) => each.value !== null);
  const target = shifts.at(-1)?.row.targets[name] ?? null;
  if (known.length < 2) return node;
  const most = Math.max(...known.map((each) => each.value), target ?? 0) * 1.1 || 1;
  const x = (i) => left + (i / Math.max(1, shifts.length - 1)) * (wide - left - 4);
  const y = (value) => tall - 2 - (value / most) * (tall - 6);
  node.append(svg("line", { x1: 0, x2: wide, y1: tall - 0.5, y2: tall - 0.5, class: "oee-base" }));
  if (target) node.append(svg("line", { x1: 0, x2: wide, y1: y(target), y2: y(target), class: "oee-target" }));
  node.append(svg("polyline", { points: known.map((each) => `${x(each.i)},${y(each.value)}`).join(" "), class: "oee-run", fill: "none" }));
  for (const each of known) node.append(svg("circle", { cx: x(each.i), cy: y(each.value), r: each === known.at(-1) ? 3.2 : 1.8, class: "oee-dot" }, svg("title", null, `${shiftLabel(each.one, lang, zone)} ${number(each.value / 60, 1)} ${t("unit.min")}`)));
  return node;
}

const MINUTES = ["mtbf", "mttr"];
const PLAIN = ["first_pass_yield", "throughput", "cycle_time", "cycle_to_takt", "failures", "scrap_ratio", "energy_per_part"];

class ReliabilityCard {
  constructor(view) {
    this.view = view;
    this.figures = new Map(MINUTES.map((name) => [name, { value: el("b", { class: "fig" }), unit: el("small", { class: "unit" }), target: el("span", { class: "cap" }), trend: el("div", { class: "oee-line-b" }), pop: el("div", { class: "oee-pop is-up", role: "tooltip" }) }]));
    this.plain = new Map(PLAIN.map((name) => [name, { value: el("b"), unit: el("small", { class: "unit" }), pop: el("div", { class: "oee-pop is-up", role: "tooltip" }) }]));
    this.node = el(
      "section",
      { class: "card oee-rel" },
      el("header", { class: "card-h" }, el("h2", null, t("oee.reliability")), el("small", null, t("oee.convention"))),
      el(
        "div",
        { class: "card-b" },
        el("div", { class: "oee-mts" }, MINUTES.map((name) => el("div", { class: "oee-hint", tabindex: "0" }, el("span", { class: "lab" }, t(`kpi.${name}`)), el("div", { class: "oee-mt-v" }, el("span", null, this.figures.get(name).value, this.figures.get(name).unit), this.figures.get(name).target), this.figures.get(name).trend, this.figures.get(name).pop))),
        el("dl", { class: "oee-plain" }, PLAIN.map((name) => el("div", { class: "oee-hint", tabindex: "0" }, el("dt", null, t(`kpi.${name}`)), el("dd", null, this.plain.get(name).value, this.plain.get(name).unit), this.plain.get(name).pop))),
      ),
    );
  }

  draw(row) {
    for (const [name, figure] of this.figures) {
      const kpi = row.kpis[name];
      setText(figure.value, kpi.value === null ? "–" : number(kpi.value / 60, 1));
      setText(figure.unit, t("unit.min"));
      setText(figure.target, row.targets[name] ? t("oee.target", { n: number(row.targets[name] / 60, 1) }) : "");
      figure.pop.replaceChildren(...inputsOf(name, kpi));
    }
    const shownAs = { first_pass_yield: [100, 1, "%"], throughput: [1, 1, t("unit.parts_per_h")], cycle_time: [1, 1, "s"], cycle_to_takt: [100, 0, "%"], scrap_ratio: [100, 2, "%"], energy_per_part: [1, 2, "kWh"] };
    for (const [name, figure] of this.plain) {
      if (name === "failures") {
        setText(figure.value, number(row.totals.failures));
        setText(figure.unit, t("unit.times"));
        figure.pop.replaceChildren(el("p", null, t("oee.failures_are")));
        continue;
      }
      const [factor, decimals, unit] = shownAs[name];
      const kpi = row.kpis[name];
      setText(figure.value, kpi.value === null ? "–" : number(kpi.value * factor, decimals));
      setText(figure.unit, kpi.value === null ? "" : unit);
      figure.pop.replaceChildren(...inputsOf(name, kpi));
    }
  }

  drawTrend(shifts) {
    for (const [name, figure] of this.figures) figure.trend.replaceChildren(line(shifts, name, this.view.lang, this.view.zone, Math.max(80, figure.trend.clientWidth)));
  }
}
