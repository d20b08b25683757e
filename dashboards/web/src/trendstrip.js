// Trends: history and live as one series. The min/max band stands behind, the mean in front, a gap is a break.
import { clock } from "./clock.js";
import { Core } from "./component.js";
import { labelled } from "./directory.js";
import { Tail, ticks, timeTicks } from "./downsample.js";
import { el, Sheet } from "./dom.js";
import { number, shortName, shownAs, tickLabel, time, zoneOffset } from "./format.js";
import { live } from "./live.js";
import { present } from "./present.js";
import { color, hatch, onTheme } from "./theme.js";
import { Lane } from "./trends/lane.js";
import { t } from "./words.js";

const LEFT = 58;
const RIGHT = 12;
const AXIS = 22;
const TITLE = 20;
const MIN_SPAN_MS = 2000;
const MAX_SPAN_MS = 31 * 86_400_000;
const REFETCH_MS = 30000;

export class TrendStripCore extends Core {
  static rebuildOn = ["signals", "lang", "timezone", "words"];

  constructor(root, props, emit) {
    super(root, props, emit);
    this.span_ms = (props.span_s || 600) * 1000;
    this.fixedTo = null;
    this.lanes = (props.signals ?? []).map((id) => new Lane(id));
    this.plot = el("div", { class: "ft-trend-plot" });
    this.reset = el("button", { class: "btn s ft-trend-reset", type: "button", hidden: true, onclick: () => this.follow() }, t("trend.follow"));
    root.append(this.plot, this.reset);
    this.applyHeight();
    this.sheet = new Sheet(this.plot, (context, width, height) => this.draw(context, width, height), t("trend.title"));
    this.until(() => this.sheet.dispose());
    this.until(onTheme(() => this.sheet.ask()));
    this.until(present.onChange((changed) => this.append(changed)));
    this.until(present.onTick(() => this.tick()));
    this.until(live.on("directory", () => this.refetch()));
    let before = clock.now();
    let mode = clock.mode;
    this.until(
      clock.subscribe(() => {
        const now = clock.now();
        // A jump (or another mode) makes the tail a lie: forget it and ask again.
        if (clock.mode !== mode || now < before - 1 || now > before + 1000 * Math.max(2, clock.speed * 2)) {
          for (const lane of this.lanes) lane.tail = new Tail();
          this.later();
        }
        before = now;
        mode = clock.mode;
        if (clock.replaying) this.sheet.ask();
      }),
    );
    this.listen();
    this.abort = new AbortController();
    this.until(() => this.abort.abort());
    this.until(() => clearTimeout(this.planned));
    if (!live.directory.empty) this.refetch();
  }

  applyHeight() {
    if (this.props.height) this.plot.style.height = `${this.props.height}px`;
  }

  update(props) {
    if (props.span_s && props.span_s !== this.props.span_s) {
      this.span_ms = props.span_s * 1000;
      this.fixedTo = null;
      this.reset.hidden = true;
      this.later();
    }
    super.update(props);
    this.applyHeight();
    this.sheet.ask();
  }

  get view() {
    const to = Math.min(this.fixedTo ?? Infinity, clock.now());
    return { from: to - this.span_ms, to };
  }

  follow() {
    this.fixedTo = null;
    this.span_ms = (this.props.span_s || 600) * 1000;
    this.reset.hidden = true;
    this.later();
    this.sheet.ask();
  }

  // ---- data ----

  later() {
    clearTimeout(this.planned);
    this.planned = setTimeout(() => this.refetch(), 150);
  }

  tick() {
    this.sheet.ask();
    const every = clock.replaying ? (clock.playing ? 4000 : Infinity) : Math.max(REFETCH_MS, this.span_ms / 20);
    if (performance.now() - (this.fetched ?? 0) > every) this.refetch();
  }

  refetch() {
    this.fetched = performance.now();
    for (const lane of this.lanes) this.fetchLane(lane);
  }

  async fetchLane(lane) {
    const { from, to } = this.view;
    const pad = this.fixedTo === null ? 0 : this.span_ms * 0.5;
    const points = Math.min(2000, Math.max(100, Math.round((this.plot.clientWidth || 800) - LEFT)));
    await lane.fetch(from - pad, to + pad, points, this.abort.signal);
    this.sheet.ask();
  }

  append(changed) {
    let any = changed === null;
    for (const lane of this.lanes) {
      const signal = live.directory.signals.get(lane.id);
      if (!signal || signal.isText || (changed && !changed.has(signal.stream.key))) continue;
      const entry = present.entry(signal.stream.key);
      if (!entry) continue;
      const number_ = entry.v[signal.at];
      if (!Number.isNaN(number_)) any = lane.tail.push(entry.t, number_, lane.gap_ms) || any;
    }
    if (any) this.sheet.ask();
  }

  // ---- hands ----

  listen() {
    const { plot } = this;
    let drag = null;
    plot.addEventListener("pointermove", (event) => {
      const x = event.offsetX;
      if (drag) {
        this.fixedTo = Math.min(clock.now(), drag.to - ((x - drag.x) / this.inner) * this.span_ms);
        this.reset.hidden = false;
        this.later();
      }
      this.cursor = x;
      this.sheet.ask();
    });
    plot.addEventListener("pointerleave", () => {
      this.cursor = undefined;
      this.sheet.ask();
    });
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      drag = { x: event.offsetX, to: this.view.to };
      plot.setPointerCapture(event.pointerId);
      plot.classList.add("is-dragged");
    });
    const drop = () => {
      drag = null;
      plot.classList.remove("is-dragged");
      if (this.fixedTo !== null && this.fixedTo >= clock.now() - this.span_ms / 100) this.follow();
    };
    plot.addEventListener("pointerup", drop);
    plot.addEventListener("pointercancel", drop);
    plot.addEventListener("dblclick", () => this.follow());
    plot.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const { from, to } = this.view;
        const share = Math.min(1, Math.max(0, (event.offsetX - LEFT) / this.inner));
        const span = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, this.span_ms * 1.2 ** Math.sign(event.deltaY)));
        if (this.fixedTo !== null || share < 0.9) this.fixedTo = Math.min(clock.now(), from + share * (to - from) + (1 - share) * span);
        this.span_ms = span;
        this.reset.hidden = false;
        this.later();
        this.sheet.ask();
      },
      { passive: false },
    );
  }

  get inner() {
    return Math.max(1, this.plot.clientWidth - LEFT - RIGHT);
  }

  // ---- picture ----

  draw(context, width, height) {
    const { from, to } = this.view;
    const font = color("--font");
    const x = (time_) => LEFT + ((time_ - from) / (to - from)) * (width - LEFT - RIGHT);
    context.lineJoin = "round";
    if (!this.lanes.length) {
      context.fillStyle = color("--ink-2");
      context.font = `13px ${font}`;
      context.textAlign = "center";
      context.fillText(t("trend.choose"), width / 2, height / 2);
      return;
    }
    const axis = timeTicks(from, to, Math.max(2, (width - LEFT) / 110), zoneOffset(to, this.zone));
    const tall = (height - AXIS) / this.lanes.length;
    this.lanes.forEach((lane, i) => this.drawLane(context, lane, { top: i * tall, bottom: (i + 1) * tall, width, x, from, to, axis }));
    context.font = `11px ${font}`;
    context.textAlign = "center";
    context.fillStyle = color("--ink-2");
    for (const moment of axis.t) if (x(moment) > LEFT + 16 && x(moment) < width - 22) context.fillText(tickLabel(moment, this.zone, axis.step_s), x(moment), height - 7);
    // now (or the replay's moment) at the right edge
    const edge = x(clock.now());
    if (edge <= width - RIGHT + 1) {
      context.fillStyle = color(clock.replaying ? "--replay" : "--accent");
      context.fillRect(Math.round(edge) - 1, 0, 2, height - AXIS);
    }
    if (this.cursor !== undefined && this.cursor >= LEFT && this.cursor <= width - RIGHT) this.drawCursor(context, width, height, from, to);
  }

  scale(lane, column, points) {
    let low = Infinity;
    let high = -Infinity;
    for (const point of points) {
      low = Math.min(low, point.min);
      high = Math.max(high, point.max);
    }
    if (low > high) return null;
    const bounded = column.low !== null && column.high !== null && column.low !== undefined && column.high !== undefined;
    if (bounded && high - low > (column.high - column.low) * 0.2) {
      low = Math.min(low, column.low);
      high = Math.max(high, column.high);
    }
    const middle = (low + high) / 2;
    const least = Math.max(Math.abs(middle) * 0.004, bounded ? (column.high - column.low) * 0.01 : 1e-6);
    const half = Math.max((high - low) / 2, least) * 1.1;
    return [middle - half, middle + half];
  }

  drawLane(context, lane, { top, bottom, width, x, from, to, axis }) {
    const font = color("--font");
    const signal = live.directory.signals.get(lane.id);
    const plotTop = top + TITLE;
    const plotBottom = bottom - 4;
    const right = width - RIGHT;
    context.fillStyle = color("--raised");
    context.fillRect(LEFT, plotTop, right - LEFT, plotBottom - plotTop);
    context.strokeStyle = color("--line-soft");
    context.lineWidth = 1;
    context.beginPath();
    for (const moment of axis.t) {
      const at = Math.round(x(moment)) + 0.5;
      if (at < LEFT) continue;
      context.moveTo(at, plotTop);
      context.lineTo(at, plotBottom);
    }
    context.stroke();
    context.textAlign = "left";
    if (!signal || signal.isText || lane.failed) {
      context.fillStyle = color("--ink-2");
      context.font = `12px ${font}`;
      context.fillText(lane.failed ? t("error.trend", { detail: lane.failed }) : t("trend.unknown", { id: lane.id }), LEFT + 8, (plotTop + plotBottom) / 2);
      if (!signal) return;
    }
    const { column } = signal;
    const { factor, decimals, symbol } = shownAs(column);
    const points = lane.thinned(from, to, Math.ceil(this.inner));
    const scale = this.scale(lane, column, points);
    lane.points = points;
    const entry = present.entry(signal.stream.key);
    const stale = present.isStale(signal.stream, entry);
    this.title(context, lane, signal, top, width, stale, symbol, factor, decimals);
    if (!scale) {
      if (!lane.failed) {
        context.fillStyle = color("--ink-3");
        context.font = `12px ${font}`;
        context.fillText(t("trend.no_data"), LEFT + 8, (plotTop + plotBottom) / 2 + 4);
      }
      return;
    }
    const [low, high] = scale;
    const y = (v) => plotBottom - ((v - low) / (high - low)) * (plotBottom - plotTop);
    context.save();
    context.beginPath();
    context.rect(LEFT, plotTop, right - LEFT, plotBottom - plotTop);
    context.clip();
    this.normalRange(context, column, y, plotTop, plotBottom, right, points);
    this.gaps(context, points, x, plotTop, plotBottom, right, stale && this.fixedTo === null);
    this.pens(context, points, x, y);
    context.restore();
    context.font = `11px ${font}`;
    context.fillStyle = color("--ink-2");
    context.textAlign = "right";
    const marks = ticks(low * factor, high * factor, Math.max(2, (plotBottom - plotTop) / 34));
    const step = marks.length > 1 ? marks[1] - marks[0] : 1;
    const places = Math.max(0, Math.min(4, -Math.floor(Math.log10(step) + 1e-9)));
    for (const mark of marks) {
      const at = y(mark / factor);
      if (at < plotTop + 3 || at > plotBottom - 1) continue;
      context.fillText(number(mark, places), LEFT - 8, at + 4);
      context.strokeStyle = color("--line-soft");
      context.beginPath();
      context.moveTo(LEFT, Math.round(at) + 0.5);
      context.lineTo(right, Math.round(at) + 0.5);
      context.stroke();
    }
  }

  title(context, lane, signal, top, width, stale, symbol, factor, decimals) {
    const font = color("--font");
    const label = labelled(signal.column, this.lang);
    context.textAlign = "left";
    context.font = `650 12px ${font}`;
    context.fillStyle = color("--ink");
    context.fillText(label, LEFT, top + 14);
    let at = LEFT + context.measureText(label).width + 8;
    context.font = `12px ${font}`;
    context.fillStyle = color("--ink-2");
    const about = `${shortName(signal.asset)}${symbol ? ` · ${symbol}` : ""}`;
    context.fillText(about, at, top + 14);
    at += context.measureText(about).width;
    const raw = present.value(signal);
    context.textAlign = "right";
    const unit = symbol ? ` ${symbol}` : "";
    context.font = `12px ${font}`;
    context.fillText(unit, width - RIGHT - 6, top + 14);
    const wide = context.measureText(unit).width + 6;
    context.font = `600 15px ${font}`;
    context.fillStyle = color(stale ? "--ink-3" : "--ink");
    const shown = raw === undefined ? "–" : number(raw * factor, decimals);
    context.fillText(shown, width - RIGHT - wide, top + 15);
    if (stale) {
      const start = width - RIGHT - wide - context.measureText(shown).width - 8;
      context.font = `11px ${font}`;
      context.fillStyle = color("--ink-2");
      context.fillText(t("quality.stale"), start, top + 14);
    }
  }

  normalRange(context, column, y, plotTop, plotBottom, right, points) {
    if (column.low === null && column.high === null) return;
    const top = column.high === null || column.high === undefined ? plotTop : Math.max(plotTop, y(column.high));
    const bottom = column.low === null || column.low === undefined ? plotBottom : Math.min(plotBottom, y(column.low));
    if (bottom > top) {
      context.globalAlpha = 0.42;
      context.fillStyle = color("--range");
      context.fillRect(LEFT, top, right - LEFT, bottom - top);
      context.globalAlpha = 1;
    }
    context.setLineDash([6, 3]);
    for (const limit of [column.low, column.high]) {
      if (limit === null || limit === undefined) continue;
      // a limit takes its colour only where something crossed it
      const crossed = points.some((point) => (limit === column.high ? point.max > limit : point.min < limit));
      context.strokeStyle = color(crossed ? "--p2" : "--ink-3");
      const at = Math.round(y(limit)) + 0.5;
      if (at <= plotTop + 1 || at >= plotBottom - 1) continue;
      context.beginPath();
      context.moveTo(LEFT, at);
      context.lineTo(right, at);
      context.stroke();
    }
    context.setLineDash([]);
  }

  gaps(context, points, x, plotTop, plotBottom, right, staleEnd) {
    const fill = hatch(context, color("--stale"), null, 7, 1.2);
    context.globalAlpha = 0.5;
    const shade = (a, b) => {
      if (b - a < 3) return;
      context.fillStyle = fill;
      context.fillRect(a, plotTop, b - a, plotBottom - plotTop);
    };
    for (let i = 1; i < points.length; i++) if (points[i].gap) shade(x(points[i - 1].t), x(points[i].t));
    if (staleEnd && points.length) shade(x(points[points.length - 1].t), right);
    context.globalAlpha = 1;
  }

  pens(context, points, x, y) {
    context.fillStyle = color("--idle");
    context.globalAlpha = 0.75;
    for (let start = 0; start < points.length; ) {
      let end = start + 1;
      while (end < points.length && !points[end].gap) end++;
      context.beginPath();
      for (let i = start; i < end; i++) context.lineTo(x(points[i].t), y(points[i].max));
      for (let i = end - 1; i >= start; i--) context.lineTo(x(points[i].t), y(points[i].min));
      context.closePath();
      context.fill();
      start = end;
    }
    context.globalAlpha = 1;
    context.strokeStyle = color("--needle");
    context.lineWidth = 1.4;
    context.beginPath();
    points.forEach((point, i) => {
      const px = x(point.t);
      const py = y(point.mean);
      if (i === 0 || point.gap) {
        context.moveTo(px, py);
        context.lineTo(px + 0.01, py);
      } else context.lineTo(px, py);
    });
    context.stroke();
    context.lineWidth = 1;
  }

  drawCursor(context, width, height, from, to) {
    const font = color("--font");
    const moment = from + ((this.cursor - LEFT) / this.inner) * (to - from);
    context.strokeStyle = color("--accent");
    context.beginPath();
    context.moveTo(Math.round(this.cursor) + 0.5, 0);
    context.lineTo(Math.round(this.cursor) + 0.5, height - AXIS);
    context.stroke();
    const tag = (text, cx, cy, ground, ink) => {
      context.font = `600 11px ${font}`;
      const wide = context.measureText(text).width + 10;
      const left = Math.min(width - wide - 2, Math.max(2, cx));
      context.fillStyle = color(ground);
      context.fillRect(left, cy, wide, 17);
      context.strokeStyle = color("--line");
      context.strokeRect(left + 0.5, cy + 0.5, wide - 1, 16);
      context.fillStyle = color(ink);
      context.textAlign = "left";
      context.fillText(text, left + 5, cy + 12.5);
    };
    tag(time(moment, this.zone, to - from < 600_000), this.cursor - 36, height - AXIS + 2, "--accent", "--panel");
    const tall = (height - AXIS) / this.lanes.length;
    this.lanes.forEach((lane, i) => {
      const signal = live.directory.signals.get(lane.id);
      const near = lane.points?.filter((point) => point.t <= moment).pop();
      if (!signal || !near || moment - near.t > lane.gap_ms) return;
      const { factor, decimals, symbol } = shownAs(signal.column);
      const text = near.max - near.min > Math.abs(near.mean) * 1e-6 ? `${number(near.mean * factor, decimals)} (${number(near.min * factor, decimals)} … ${number(near.max * factor, decimals)}) ${symbol}` : `${number(near.mean * factor, decimals)} ${symbol}`;
      tag(text, this.cursor + 8, i * tall + TITLE + 4, "--panel", "--ink");
    });
  }
}
