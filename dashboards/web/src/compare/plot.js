// Trends of both sides over each other, and under each the difference: A solid, B dashed, so that colour is never alone.
import { labelled } from "../directory.js";
import { ticks } from "../downsample.js";
import { el, Sheet } from "../dom.js";
import { number, shortName, shownAs } from "../format.js";
import { live } from "../live.js";
import { color, onTheme } from "../theme.js";
import { t } from "../words.js";
import { apart, gapOf, pointsOn, valueAt } from "./apart.js";

const LEFT = 54;
const RIGHT = 10;
const AXIS = 20;
const TITLE = 20;
const APART = 0.3;

/** How a signal is shown, by the directory or else by what the answer says of it. */
export function columnOf(id, unit) {
  return live.directory.signals.get(id)?.column ?? { name: id.slice(id.lastIndexOf(":") + 1), kind: "gauge", unit, role: "", low: null, high: null };
}

export const nameOf = (id, lang, unit = "") => {
  const column = columnOf(id, unit);
  return `${shortName(id.slice(0, id.lastIndexOf(":")))} ${labelled(column, lang)}`;
};

export class Plot {
  constructor(lang, seek) {
    this.lang = lang;
    this.lanes = null;
    this.span = [0, 1];
    this.node = el("div", { class: "cmp-plot" });
    this.line = el("i", { class: "cmp-playhead", "aria-hidden": "true" });
    this.node.append(this.line);
    this.sheet = new Sheet(this.node, (context, width, height) => this.draw(context, width, height), t("compare.trends"));
    const stop = onTheme(() => this.sheet.ask());
    this.dispose = () => {
      stop();
      this.sheet.dispose();
    };
    let down = false;
    const moment = (event) => this.span[0] + ((event.clientX - this.node.getBoundingClientRect().left - LEFT) / this.inner) * (this.span[1] - this.span[0]);
    this.node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      down = true;
      this.node.setPointerCapture(event.pointerId);
      seek(moment(event));
    });
    this.node.addEventListener("pointermove", (event) => {
      this.cursor = moment(event);
      if (down) seek(this.cursor);
      this.sheet.ask();
    });
    for (const end of ["pointerup", "pointercancel"]) this.node.addEventListener(end, () => (down = false));
    this.node.addEventListener("pointerleave", () => {
      this.cursor = undefined;
      this.sheet.ask();
    });
  }

  get inner() {
    return Math.max(1, this.node.clientWidth - LEFT - RIGHT);
  }

  /** @param {{id, unit, a, b}[]} lanes series of both sides, null where one has none. */
  set(lanes, start, end) {
    this.span = [start, end];
    this.lanes = lanes.map(({ id, unit, a, b }) => {
      const [one, other] = [pointsOn(a), pointsOn(b)];
      return { id, column: columnOf(id, unit), a: one, b: other, gap: Math.max(gapOf(one), gapOf(other)), held: Boolean(a?.held || b?.held) };
    });
    this.sheet.ask();
  }

  at(at_s) {
    const share = (at_s - this.span[0]) / (this.span[1] - this.span[0] || 1);
    this.line.style.left = `${(LEFT + share * this.inner).toFixed(1)}px`;
  }

  draw(context, width, height) {
    const [from, to] = this.span;
    const font = color("--font");
    if (!this.lanes?.length) {
      context.fillStyle = color("--ink-2");
      context.font = `13px ${font}`;
      context.textAlign = "center";
      context.fillText(t(this.lanes ? "compare.no_trends" : "compare.begin"), width / 2, height / 2);
      return;
    }
    const x = (moment) => LEFT + ((moment - from) / (to - from)) * (width - LEFT - RIGHT);
    const axis = ticks(from, to, Math.max(2, (width - LEFT) / 90));
    const tall = (height - AXIS) / this.lanes.length;
    this.lanes.forEach((lane, i) => this.lane(context, lane, { x, from, to, axis, top: i * tall, bottom: (i + 1) * tall, right: width - RIGHT }));
    context.font = `11px ${font}`;
    context.fillStyle = color("--ink-2");
    context.textAlign = "center";
    const places = axis.length > 1 && axis[1] - axis[0] < 1 ? 1 : 0;
    for (const moment of axis) if (x(moment) > LEFT + 10 && x(moment) < width - 24) context.fillText(`${number(moment, places)} s`, x(moment), height - 6);
  }

  lane(context, lane, { x, from, to, axis, top, bottom, right }) {
    const { factor, decimals, symbol } = shownAs(lane.column);
    const font = color("--font");
    const plotTop = top + TITLE;
    const split = bottom - Math.max(26, (bottom - plotTop) * APART);
    const box = (y0, y1) => {
      context.fillStyle = color("--raised");
      context.fillRect(LEFT, y0, right - LEFT, y1 - y0);
      context.strokeStyle = color("--line-soft");
      context.lineWidth = 1;
      context.beginPath();
      for (const moment of axis) {
        context.moveTo(Math.round(x(moment)) + 0.5, y0);
        context.lineTo(Math.round(x(moment)) + 0.5, y1);
      }
      context.stroke();
    };
    box(plotTop, split - 6);
    box(split, bottom - 4);
    context.textAlign = "left";
    context.font = `650 12px ${font}`;
    context.fillStyle = color("--ink");
    const name = nameOf(lane.id, this.lang, lane.column.unit);
    context.fillText(name, LEFT, top + 14);
    let at = LEFT + context.measureText(name).width + 6;
    context.font = `12px ${font}`;
    context.fillStyle = color("--ink-2");
    context.fillText(symbol ?? "", at, top + 14);
    if (this.cursor !== undefined && this.cursor >= from && this.cursor <= to) this.readings(context, lane, right, top + 14, factor, decimals);
    const points = [...lane.a, ...lane.b];
    if (!points.length) return;
    const [low, high] = widened(Math.min(...points.map((one) => one.min)), Math.max(...points.map((one) => one.max)));
    const y = (v) => split - 6 - ((v - low) / (high - low)) * (split - 6 - plotTop);
    context.save();
    context.beginPath();
    context.rect(LEFT, plotTop, right - LEFT, bottom - plotTop);
    context.clip();
    this.pen(context, lane, lane.b, x, y, "--sim", [6, 4]);
    this.pen(context, lane, lane.a, x, y, "--pen-1", []);
    this.between(context, lane, x, from, to, split, bottom - 4);
    context.restore();
    this.scale(context, low, high, factor, y, plotTop, split - 6);
    context.textAlign = "right";
    context.font = `600 11px ${font}`;
    context.fillStyle = color("--ink-2");
    context.fillText("A − B", LEFT - 6, (split + bottom) / 2 + 2);
  }

  readings(context, lane, right, y, factor, decimals) {
    const told = [["A", lane.a, "--pen-1"], ["B", lane.b, "--sim"]];
    context.textAlign = "right";
    let at = right;
    for (const [side, points, ink] of told.reverse()) {
      const value = valueAt(points, this.cursor, lane.gap, lane.held);
      const text = `${side} ${value === null ? "–" : number(value * factor, Math.max(decimals, 2))}`;
      context.font = `600 12px ${color("--font")}`;
      context.fillStyle = color(ink);
      context.fillText(text, at, y);
      at -= context.measureText(text).width + 12;
    }
    context.fillStyle = color("--ink-2");
    context.font = `12px ${color("--font")}`;
    context.fillText(`${number(this.cursor, 2)} s`, at, y);
  }

  pen(context, { gap, held }, points, x, y, ink, dash) {
    context.strokeStyle = color(ink);
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    context.setLineDash(dash);
    context.beginPath();
    points.forEach((point, i) => {
      if (held && i > 0) context.lineTo(x(point.t), y(points[i - 1].mean));
      if (i === 0 || (!held && point.t - points[i - 1].t > gap)) context.moveTo(x(point.t), y(point.mean));
      else context.lineTo(x(point.t), y(point.mean));
    });
    if (held && points.length) context.lineTo(x(this.span[1]), y(points[points.length - 1].mean));
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
  }

  /** The difference, filled from zero; where it is more than half of the greatest one a bar under it says so. */
  between(context, lane, x, from, to, top, bottom) {
    const apart_ = apart(lane.a, lane.b, from, to, Math.max(20, Math.min(700, Math.round(this.inner))), lane.gap, lane.held);
    const most = Math.max(...apart_.map(({ d }) => Math.abs(d ?? 0)));
    const middle = (top + bottom) / 2;
    const half = (bottom - top) / 2 - 3;
    context.strokeStyle = color("--ink-3");
    context.beginPath();
    context.moveTo(LEFT, Math.round(middle) + 0.5);
    context.lineTo(x(to), Math.round(middle) + 0.5);
    context.stroke();
    if (!(most > 0)) return;
    const wide = (x(to) - x(from)) / apart_.length;
    const left = (i) => x(from) + i * wide;
    context.globalAlpha = 0.5;
    context.fillStyle = color("--needle");
    context.beginPath();
    apart_.forEach(({ d }, i) => {
      if (d === null) return;
      // columns that touch, so that no stripes show
      const [a, b] = [Math.floor(left(i)), Math.floor(left(i + 1))];
      const high = (d / most) * half;
      context.rect(a, Math.min(middle, middle - high), b - a, Math.max(0.6, Math.abs(high)));
    });
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = color("--p3");
    apart_.forEach(({ d }, i) => {
      if (d !== null && Math.abs(d) > most / 2) context.fillRect(Math.floor(left(i)), bottom - 2, Math.floor(left(i + 1)) - Math.floor(left(i)), 2);
    });
  }

  scale(context, low, high, factor, y, plotTop, plotBottom) {
    context.font = `11px ${color("--font")}`;
    context.fillStyle = color("--ink-2");
    context.textAlign = "right";
    const marks = ticks(low * factor, high * factor, Math.max(1, (plotBottom - plotTop) / 34));
    const step = marks.length > 1 ? marks[1] - marks[0] : 1;
    const places = Math.max(0, Math.min(4, -Math.floor(Math.log10(step) + 1e-9)));
    for (const mark of marks) {
      const at = y(mark / factor);
      if (at > plotTop + 3 && at < plotBottom - 1) context.fillText(number(mark, places), LEFT - 6, at + 4);
    }
  }
}

function widened(low, high) {
  const half = Math.max((high - low) / 2, Math.abs(high + low) * 0.002, 1e-9) * 1.1;
  const middle = (low + high) / 2;
  return [middle - half, middle + half];
}
