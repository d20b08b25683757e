// A row a station: state, the last eight hours, cycle against takt, parts. The strips of all rows are one canvas.
import { timeTicks } from "../downsample.js";
import { el, setStyle, setText, Sheet, toggle } from "../dom.js";
import { number, shortName, tickLabel, zoneOffset } from "../format.js";
import { live } from "../live.js";
import { closeHref, follow } from "../navigate.js";
import { present } from "../present.js";
import { drawSegment } from "../segment.js";
import { look, setMark } from "../states.js";
import { color } from "../theme.js";
import { t } from "../words.js";
import { cycleScale } from "./flow.js";

const ROW = 28;
const HEAD = 28;
const STRIP = 16;

export class Stations {
  constructor(flow, zone, lookOf, wordOf) {
    Object.assign(this, { zone, lookOf, wordOf });
    this.ids = flow.steps.flatMap((step) => [...step.stations, ...step.tenders]);
    this.states = new Map();
    this.window = null;
    const head = (key, name = "") => el("span", { class: `ft-th ${name}` }, t(key));
    this.taktHead = el("small");
    this.strip = el("div", { class: "ft-stn-strip", style: `grid-row: 1 / ${this.ids.length + 2}` });
    this.node = el(
      "div",
      { class: "ft-stn-table", style: `--rows: ${this.ids.length}` },
      head("line.station", "c1"),
      head("line.state", "c2"),
      head("line.run_share", "c4 num"),
      el("span", { class: "ft-th c5" }, t("line.cycle"), " ", this.taktHead),
      head("line.cycle_s", "c6 num"),
      head("line.to_takt", "c7 num"),
      head("line.good", "c8 num"),
      head("line.scrap", "c9 num"),
      head("line.blocked_time", "c10 num opt"),
      head("line.starved_time", "c11 num opt"),
      this.strip,
    );
    this.rows = new Map(this.ids.map((id, i) => [id, this.row(id, i + 2)]));
    this.sheet = new Sheet(this.strip, (context, width, height) => this.drawStrips(context, width, height), t("line.strips"));
  }

  row(id, place) {
    const asset = live.directory.assets.get(id) ?? { id, type: "" };
    const cell = (column, ...children) => el("span", { class: `ft-td ${column}`, style: `grid-row: ${place}` }, children);
    const row = { id, mark: el("span", { class: "ft-m" }), word: el("span"), neck: el("small", { class: "ft-neck-s", hidden: true }, t("line.bottleneck")), fill: el("i", { class: "fill" }), whisker: el("i", { class: "whisker" }), standard: el("i", { class: "std" }), takt: el("i", { class: "lim" }), over: el("b") };
    for (const name of ["run", "cycle", "good", "scrap", "blocked", "starved"]) row[name] = el("b");
    row.bar = el("div", { class: "abar", "aria-hidden": "true" }, row.fill, row.standard, row.whisker, row.takt);
    row.link = el("a", { href: closeHref(asset), onclick: follow, title: id }, el("b", null, shortName(id)));
    row.band = el("i", { class: "ft-band-row", style: `grid-row: ${place}`, "aria-hidden": "true" });
    this.node.append(row.band, cell("c1", row.link, row.neck), cell("c2", row.mark, row.word), cell("c4 num", row.run), cell("c5", row.bar), cell("c6 num", row.cycle), cell("c7 num", row.over), cell("c8 num", row.good), cell("c9 num", row.scrap), cell("c10 num opt", row.blocked), cell("c11 num opt", row.starved));
    return row;
  }

  aim() {
    for (const row of this.rows.values()) row.link.setAttribute("href", closeHref(live.directory.assets.get(row.id) ?? { id: row.id, type: "" }));
  }

  draw() {
    for (const row of this.rows.values()) {
      const asset = live.directory.assets.get(row.id);
      const state = asset ? present.stateOf(asset) : "lost";
      setMark(row.mark, asset ? this.lookOf(asset, state) : "lost");
      setText(row.word, asset ? this.wordOf(asset, state) : t("state.lost"));
    }
  }

  hearStates(answer) {
    this.window = { from: answer.from_ms, to: answer.clock_ms };
    for (const found of answer.stations) {
      this.states.set(found.asset, found.segments);
      const row = this.rows.get(found.asset);
      if (!row) continue;
      setText(row.run, found.run_ratio === null ? "–" : number(found.run_ratio * 100, 1));
      setText(row.blocked, minutes(found.blocked_s));
      setText(row.starved, minutes(found.starved_s));
      toggle(row.blocked, "is-zero", !found.blocked_s);
      toggle(row.starved, "is-zero", !found.starved_s);
    }
    for (const row of this.rows.values()) {
      const is = answer.bottleneck?.asset === row.id;
      row.neck.hidden = !is;
      toggle(row.band, "is-neck", is);
    }
    this.sheet.ask();
  }

  hearCycles(answer) {
    setText(this.taktHead, answer.takt_s ? t("line.takt_is", { s: number(answer.takt_s, 1) }) : t("line.no_takt"));
    const longest = Math.max(0, ...answer.stations.map((one) => one.high_s ?? 0));
    for (const one of answer.stations) {
      const row = this.rows.get(one.asset);
      if (!row) continue;
      const at = cycleScale(one, longest);
      const percent = (s) => `${(at(s) * 100).toFixed(1)}%`;
      const known = one.median_s !== null;
      const over = known && one.takt_s && one.median_s > one.takt_s;
      setStyle(row.fill, "width", known ? percent(one.median_s) : "0%");
      row.whisker.hidden = !known;
      if (known) {
        setStyle(row.whisker, "left", percent(one.low_s));
        setStyle(row.whisker, "width", `${Math.max(0.4, (at(one.high_s) - at(one.low_s)) * 100).toFixed(1)}%`);
      }
      for (const [tick, s] of [[row.takt, one.takt_s], [row.standard, one.standard_s]]) {
        tick.hidden = !s;
        if (s) setStyle(tick, "left", percent(s));
      }
      toggle(row.bar, "is-over", over);
      setText(row.cycle, number(one.median_s, 1));
      const beyond = known && one.takt_s ? one.median_s - one.takt_s : null;
      setText(row.over, beyond === null ? "–" : `${beyond > 0 ? "+" : ""}${number(beyond, 1)}`);
      toggle(row.over, "is-over", over);
      row.bar.parentNode.title = known ? t("line.cycle_of", { n: one.count, low: number(one.low_s, 1), median: number(one.median_s, 1), high: number(one.high_s, 1) }) : t("line.no_cycle");
    }
  }

  hearParts(answer) {
    for (const one of answer.stations) {
      const row = this.rows.get(one.asset);
      if (!row) continue;
      setText(row.good, number(one.good));
      setText(row.scrap, number(one.scrap));
      toggle(row.scrap, "is-zero", one.scrap === 0);
    }
  }

  drawStrips(context, width, height) {
    if (!this.window) return;
    const { from, to } = this.window;
    const x = (ms) => ((ms - from) / (to - from)) * width;
    const { step_s, t: ticks } = timeTicks(from, to, Math.max(2, width / 90), zoneOffset(to, this.zone));
    context.font = `11px ${color("--font")}`;
    context.textAlign = "center";
    for (const tick of ticks) {
      context.fillStyle = color("--line-soft");
      context.fillRect(Math.round(x(tick)), HEAD, 1, height - HEAD);
      context.fillStyle = color("--ink-2");
      if (x(tick) > 16 && x(tick) < width - 16) context.fillText(tickLabel(tick, this.zone, step_s), x(tick), HEAD - 10);
    }
    this.ids.forEach((id, i) => {
      const top = HEAD + i * ROW + (ROW - STRIP) / 2;
      for (const [start, end, state, cause] of this.states.get(id) ?? []) {
        const a = Math.max(0, x(start));
        const b = Math.min(width, x(end));
        if (b <= 0 || a >= width) continue;
        const one = look(state) === "wait" && cause === "blocked" ? "blocked" : look(state);
        drawSegment(context, one, a, Math.max(b, a + 0.5), top, STRIP);
      }
    });
    context.fillStyle = color("--accent");
    context.fillRect(width - 2, HEAD - 6, 2, height - HEAD + 6);
  }

  dispose() {
    this.sheet.dispose();
  }
}

/** Minutes with one decimal below ten: "0", "4.3", "142". */
function minutes(s) {
  const n = s / 60;
  return s ? number(n, n < 10 ? 1 : 0) : "0";
}
