// An episode's signals over one axis: boundaries to snap to, the parts that were labelled, the playhead, a part being marked.
import { clock, fetchJson } from "../clock.js";
import { labelled } from "../directory.js";
import { gapLength, pointsOf } from "../downsample.js";
import { el, Sheet } from "../dom.js";
import { number, shownAs } from "../format.js";
import { live } from "../live.js";
import { color, onTheme } from "../theme.js";
import { t } from "../words.js";
import { edgeWord, nearest, partWord } from "./model.js";

const LEFT = 108;
const RIGHT = 12;
const PARTS = 30;
const EDGES = 18;
const AXIS = 20;
const SNAP_PX = 9;
const POINTS = 900;
const RANK = ["joint_effort", "speed", "load", "power", "joint_velocity", "joint_position"];
const FEW = 5;

/** The signals of an asset that can be drawn, what a task is about first. */
export function signalsOf(asset) {
  const found = [...live.directory.signals.values()].filter((one) => one.asset === asset && !one.isText && ["gauge", "flag"].includes(one.column.kind) && one.column.role !== "online");
  const rank = ({ column }) => (column.kind === "flag" ? -1 : RANK.includes(column.role) ? RANK.indexOf(column.role) : RANK.length);
  return found.sort((a, b) => rank(a) - rank(b));
}

export const firstOf = (signals) => {
  const flags = signals.filter((one) => one.column.kind === "flag").slice(0, 2);
  return [...flags, ...signals.filter((one) => one.column.kind !== "flag").slice(0, FEW - flags.length)].map((one) => one.id);
};

export class Signals {
  /** @param {(from: number, to: number) => void} marked told when a part was drawn by hand */
  constructor(core, marked) {
    this.core = core;
    this.marked = marked;
    this.series = new Map();
    this.plot = el("div", { class: "lb-plot" });
    this.sheet = new Sheet(this.plot, (context, width, height) => this.draw(context, width, height), t("label.signals"));
    core.until(() => this.sheet.dispose());
    core.until(onTheme(() => this.sheet.ask()));
    core.until(clock.subscribe(() => this.sheet.ask()));
    this.listen();
  }

  /** Show an episode with its labels and boundaries; `chosen` are the ids of signals. */
  show(episode, chosen) {
    if (episode.id !== this.episode?.id) this.series.clear();
    this.episode = episode;
    this.chosen = chosen;
    for (const id of chosen) if (!this.series.has(id)) this.fetch(id, episode);
    this.sheet.ask();
  }

  async fetch(id, episode) {
    this.series.set(id, null);
    const query = new URLSearchParams({ signal: id, from_ms: Math.floor(episode.from_ms), to_ms: Math.ceil(episode.to_ms), max_points: POINTS });
    try {
      const trend = await fetchJson(`/view/trend?${query}`);
      if (this.episode?.id === episode.id) this.series.set(id, pointsOf(trend, gapLength(trend.t_ms, 0)));
    } catch {
      if (this.episode?.id === episode.id) this.series.set(id, []);
    }
    this.sheet.ask();
  }

  get width() {
    return Math.max(1, this.plot.clientWidth - LEFT - RIGHT);
  }

  at(px) {
    const { from_ms, to_ms } = this.episode;
    return Math.min(to_ms, Math.max(from_ms, from_ms + ((px - LEFT) / this.width) * (to_ms - from_ms)));
  }

  /** The moment, or the detected boundary that lies close to it. */
  snapped(ms) {
    const { from_ms, to_ms, bounds } = this.episode;
    return nearest(ms, bounds ?? [], (SNAP_PX / this.width) * (to_ms - from_ms));
  }

  listen() {
    let drag = null;
    const where = (event) => (event.altKey ? this.at(event.offsetX) : this.snapped(this.at(event.offsetX)));
    this.plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.episode) return;
      drag = { px: event.offsetX, from: where(event) };
      this.plot.setPointerCapture(event.pointerId);
    });
    this.plot.addEventListener("pointermove", (event) => {
      this.tell(event.offsetX);
      if (!drag || Math.abs(event.offsetX - drag.px) < 5) return;
      const to = where(event);
      this.part = [Math.min(drag.from, to), Math.max(drag.from, to)];
      this.sheet.ask();
    });
    this.plot.addEventListener("pointerup", (event) => {
      if (!drag) return;
      const moved = Math.abs(event.offsetX - drag.px) >= 5;
      drag = null;
      if (moved && this.part && this.part[1] > this.part[0]) this.marked(...this.part);
      else clock.seek(where(event));
    });
    this.plot.addEventListener("pointercancel", () => (drag = null));
  }

  /** What changes at the boundary under the pointer. */
  tell(px) {
    const at = this.episode ? this.snapped(this.at(px)) : null;
    const words = (this.episode?.bounds ?? []).filter((edge) => edge.t_ms === at).map((edge) => {
      const signal = live.directory.signals.get(edge.signal);
      return edgeWord(edge, signal ? labelled(signal.column, this.core.lang) : edge.signal);
    });
    const title = words.join("\n");
    if (this.plot.title !== title) this.plot.title = title;
  }

  setPart(part) {
    this.part = part;
    this.sheet.ask();
  }

  draw(context, width, height) {
    const { episode } = this;
    if (!episode) return;
    const font = color("--font");
    const { from_ms, to_ms } = episode;
    const x = (ms) => LEFT + ((ms - from_ms) / (to_ms - from_ms)) * (width - LEFT - RIGHT);
    const right = width - RIGHT;
    const top = AXIS + PARTS + EDGES;
    context.font = `11px ${font}`;
    context.fillStyle = color("--ink-2");
    context.textAlign = "center";
    const seconds = (to_ms - from_ms) / 1000;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600].find((one) => seconds / one <= Math.max(3, this.width / 90)) ?? 3600;
    for (let s = Math.ceil((from_ms - episode.start_ms) / 1000 / step) * step; s <= (to_ms - episode.start_ms) / 1000; s += step) {
      const px = x(episode.start_ms + s * 1000);
      context.fillText(`${number(s, step < 1 ? 1 : 0)} s`, px, 13);
      context.strokeStyle = color("--line-soft");
      context.beginPath();
      context.moveTo(Math.round(px) + 0.5, AXIS);
      context.lineTo(Math.round(px) + 0.5, height);
      context.stroke();
    }
    context.textAlign = "left";
    context.fillText(t("label.parts"), 4, AXIS + 18);
    context.fillText(t("label.edges"), 4, AXIS + PARTS + 12);
    this.drawParts(context, x, right);
    const tall = (height - top) / Math.max(1, this.chosen.length);
    this.chosen.forEach((id, i) => this.drawLane(context, id, x, top + i * tall, tall, right, font));
    for (const edge of episode.bounds ?? []) {
      const px = Math.round(x(edge.t_ms)) + 0.5;
      context.strokeStyle = color("--accent");
      context.globalAlpha = 0.45;
      context.setLineDash([3, 3]);
      context.beginPath();
      context.moveTo(px, AXIS + PARTS + EDGES);
      context.lineTo(px, height);
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
      context.fillStyle = color("--accent");
      context.beginPath();
      for (const [dx, dy] of [[0, -5], [5, 0], [0, 5], [-5, 0]]) context.lineTo(px + dx, AXIS + PARTS + 9 + dy);
      context.closePath();
      // What was told is full, what was computed from a number is not.
      if (edge.signal) context.stroke();
      else context.fill();
    }
    if (this.part) {
      context.fillStyle = color("--accent");
      context.globalAlpha = 0.18;
      context.fillRect(x(this.part[0]), AXIS, Math.max(2, x(this.part[1]) - x(this.part[0])), height - AXIS);
      context.globalAlpha = 1;
    }
    const now = clock.now();
    if (now >= from_ms && now <= to_ms) {
      context.fillStyle = color("--replay");
      context.fillRect(Math.round(x(now)) - 1, 0, 2, height);
    }
  }

  drawParts(context, x, right) {
    for (const one of this.episode.labels ?? []) {
      if (!one.stands || !["subtask", "segment", "anomaly"].includes(one.channel)) continue;
      const [left, end] = [x(one.from_ms), x(one.to_ms)];
      context.fillStyle = color(one.channel === "subtask" ? "--accent-soft" : "--p1-ground");
      context.fillRect(left, AXIS + 3, Math.max(2, end - left - 1), PARTS - 6);
      context.strokeStyle = color(one.channel === "subtask" ? "--accent" : "--p1");
      if (one.source !== "human") context.setLineDash([4, 3]);
      context.strokeRect(left + 0.5, AXIS + 3.5, Math.max(1, end - left - 2), PARTS - 7);
      context.setLineDash([]);
      context.save();
      context.beginPath();
      context.rect(left, AXIS, Math.min(end, right) - left - 4, PARTS);
      context.clip();
      context.fillStyle = color("--ink");
      context.fillText(partWord(one), left + 5, AXIS + 19);
      context.restore();
    }
  }

  drawLane(context, id, x, top, tall, right, font) {
    const signal = live.directory.signals.get(id);
    if (!signal) return;
    const { factor, symbol, decimals } = shownAs(signal.column);
    const bottom = top + tall - 4;
    context.fillStyle = color("--raised");
    context.globalAlpha = 0.7;
    context.fillRect(LEFT, top, right - LEFT, tall - 4);
    context.globalAlpha = 1;
    context.textAlign = "left";
    context.font = `600 11px ${font}`;
    context.fillStyle = color("--ink");
    context.fillText(labelled(signal.column, this.core.lang), 4, top + 14, LEFT - 8);
    context.font = `11px ${font}`;
    context.fillStyle = color("--ink-2");
    const points = this.series.get(id);
    if (!points?.length) {
      context.fillText(t(points ? "trend.no_data" : "wait.figures"), LEFT + 8, top + 16);
      return;
    }
    let low = Math.min(...points.map((one) => one.min));
    let high = Math.max(...points.map((one) => one.max));
    if (tall > 30) context.fillText(`${number(low * factor, decimals)} … ${number(high * factor, decimals)}${symbol ? ` ${symbol}` : ""}`, 4, top + 29, LEFT - 8);
    const pad = high > low ? (high - low) * 0.1 : 1;
    [low, high] = [low - pad, high + pad];
    const y = (value) => bottom - ((value - low) / (high - low)) * (tall - 4);
    const isFlag = signal.column.kind === "flag";
    context.fillStyle = color("--range");
    for (const one of points) if (one.max > one.min) context.fillRect(x(one.t) - 0.5, y(one.max), 1.5, y(one.min) - y(one.max));
    context.strokeStyle = color("--pen-4");
    context.lineWidth = 1.4;
    context.beginPath();
    let before = null;
    for (const one of points) {
      if (one.gap || before === null) context.moveTo(x(one.t), y(one.mean));
      else {
        if (isFlag) context.lineTo(x(one.t), y(before));
        context.lineTo(x(one.t), y(one.mean));
      }
      before = one.mean;
    }
    context.stroke();
    context.lineWidth = 1;
  }
}
