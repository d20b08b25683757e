// State lanes: of each asset A's and under it B's, on one relative axis.
import { el, Sheet } from "../dom.js";
import { ticks } from "../downsample.js";
import { number, shortName } from "../format.js";
import { drawSegment } from "../segment.js";
import { look } from "../states.js";
import { color, onTheme } from "../theme.js";
import { stateWord, t } from "../words.js";

const NAME = 92;
const RIGHT = 8;
const LANE = 16;
const ROW = 2 * LANE + 6;
const AXIS = 20;

/** How long two rows of segments differ, s. Pure. */
export function unequalOf(a, b, start, end) {
  const edges = [...new Set([start, end, ...[...a, ...b].flatMap(([from, to]) => [from, to])])].filter((at) => at >= start && at <= end).sort((x, y) => x - y);
  const at = (rows, moment) => rows.find(([from, to]) => from <= moment && moment < to)?.[2] ?? null;
  let sum = 0;
  for (let i = 1; i < edges.length; i++) if (at(a, edges[i - 1]) !== at(b, edges[i - 1])) sum += edges[i] - edges[i - 1];
  return sum;
}

/** Rows of both sides, those that differ longest first. */
export function rowsOf(a, b, start, end) {
  const [ours, theirs] = [a, b].map((lanes) => new Map(lanes.map((lane) => [lane.asset, lane.segments])));
  const rows = [...new Set([...ours.keys(), ...theirs.keys()])].map((asset) => {
    const [one, other] = [ours.get(asset) ?? null, theirs.get(asset) ?? null];
    return { asset, a: one, b: other, unequal: unequalOf(one ?? [], other ?? [], start, end) };
  });
  return rows.sort((x, y) => y.unequal - x.unequal || x.asset.localeCompare(y.asset, undefined, { numeric: true }));
}

export class Lanes {
  constructor(seek) {
    this.rows = null;
    this.span = [0, 1];
    this.body = el("div", { class: "cmp-lanes-b" });
    this.line = el("i", { class: "cmp-playhead", "aria-hidden": "true" });
    this.body.append(this.line);
    this.node = el("div", { class: "cmp-lanes ft-scroll", tabindex: "0", role: "group", "aria-label": t("compare.states") }, this.body);
    this.sheet = new Sheet(this.body, (context, width, height) => this.draw(context, width, height), t("compare.states"));
    const stop = onTheme(() => this.sheet.ask());
    this.dispose = () => {
      stop();
      this.sheet.dispose();
    };
    this.body.addEventListener("pointerdown", (event) => {
      const share = (event.clientX - this.body.getBoundingClientRect().left - NAME) / this.inner;
      if (event.button === 0 && share >= 0) seek(this.span[0] + share * (this.span[1] - this.span[0]));
    });
    this.body.addEventListener("pointermove", (event) => {
      const row = this.rows?.[Math.floor((event.offsetY - AXIS) / ROW)];
      this.body.title = row ? `${row.asset} · ${t("compare.unequal_for", { n: number(row.unequal, 1) })}` : "";
    });
  }

  get inner() {
    return Math.max(1, this.body.clientWidth - NAME - RIGHT);
  }

  set(rows, start, end) {
    this.rows = rows;
    this.span = [start, end];
    this.body.style.height = `${AXIS + Math.max(1, rows.length) * ROW}px`;
    this.sheet.ask();
  }

  at(at_s) {
    const share = (at_s - this.span[0]) / (this.span[1] - this.span[0] || 1);
    this.line.style.left = `${(NAME + share * this.inner).toFixed(1)}px`;
  }

  draw(context, width, height) {
    const [from, to] = this.span;
    const font = color("--font");
    const x = (moment) => NAME + ((moment - from) / (to - from)) * (width - NAME - RIGHT);
    if (!this.rows?.length) {
      context.fillStyle = color("--ink-3");
      context.font = `12px ${font}`;
      context.textAlign = "center";
      context.fillText(t(this.rows ? "strip.no_states" : "compare.begin"), width / 2, height / 2 + 4);
      return;
    }
    const axis = ticks(from, to, Math.max(2, (width - NAME) / 80));
    context.font = `11px ${font}`;
    context.textAlign = "center";
    for (const moment of axis) {
      context.fillStyle = color("--line-soft");
      context.fillRect(Math.round(x(moment)), AXIS, 1, height - AXIS);
      context.fillStyle = color("--ink-2");
      if (x(moment) < width - 16) context.fillText(`${number(moment, 0)} s`, x(moment), 13);
    }
    this.rows.forEach((row, i) => this.row(context, row, AXIS + i * ROW, x, from, to, width));
  }

  row(context, row, top, x, from, to, width) {
    const font = color("--font");
    context.fillStyle = color("--line-soft");
    context.fillRect(0, top - 1, width, 1);
    context.textAlign = "left";
    context.font = `${row.unequal > 0 ? 650 : 450} 12px ${font}`;
    context.fillStyle = color(row.unequal > 0 ? "--ink" : "--ink-2");
    context.fillText(shortName(row.asset), 10, top + ROW / 2 + 3, NAME - 32);
    [["A", row.a, "--pen-1"], ["B", row.b, "--sim"]].forEach(([side, segments, ink], k) => {
      const at = top + 2 + k * LANE;
      context.font = `650 11px ${font}`;
      context.fillStyle = color(ink);
      context.textAlign = "left";
      context.fillText(side, NAME - 16, at + 12);
      if (!segments) {
        context.fillStyle = color("--ink-3");
        context.font = `11px ${font}`;
        context.fillText(t("compare.not_there"), NAME + 4, at + 12);
        return;
      }
      for (const [a, b, state] of segments) {
        const one = look(state);
        // in lanes as low as these a word is only readable where the bar is full
        drawSegment(context, one, x(Math.max(a, from)), x(Math.min(b, to)), at, LANE - 1, one === "fault" || one === "held" ? stateWord(state) : null);
      }
    });
  }
}
