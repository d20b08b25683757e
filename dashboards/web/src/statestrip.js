// State lanes under one time axis, and the time bar: what was received, what happened, one playhead across all of it.
import { drawPriority } from "./alarms/marks.js";
import { clock, fetchJson } from "./clock.js";
import { Core } from "./component.js";
import { assetsOf, named } from "./directory.js";
import { timeTicks } from "./downsample.js";
import { el, setText, Sheet, toggle } from "./dom.js";
import { shortName, tickLabel, time, zoneOffset } from "./format.js";
import { live } from "./live.js";
import { assetHref, floorHref, follow, lineHref } from "./navigate.js";
import { gapsOf, RECEIVE } from "./playback.js";
import { drawSegment } from "./segment.js";
import { siteLane } from "./sitelane.js";
import { look } from "./states.js";
import { color, hatch, onTheme } from "./theme.js";
import { HOUR_MS, TimeControls } from "./timecontrols.js";
import { stateWord, t } from "./words.js";

const NO_DIRECTORY_MS = 1500;
const REFRESH_MS = 10000;
/** By receipt a strip ends at the playhead, and what came late comes with it: so far it may fall behind. */
const BEHIND_MS = 2000;
const RIGHT = 10;
const AXIS = 18;
const RECEIVED = 30;
const EVENTS = 18;
const FLAG = 20;
const PAGES_A_WINDOW = 20;
const MARK_PX = 8;
const LANE_MIN = 13;
const LANE_MAX = 28;
const LANE_NATURAL = 20;

/** Events worth a mark: faults, holds, losses and returns; the rest is in the lanes. */
function notable(event) {
  if (event.kind !== "StateChanged") return true;
  return ["fault", "held"].includes(look(event.after)) || ["fault", "held"].includes(look(event.before));
}

export class StateStripCore extends Core {
  static rebuildOn = ["site", "lang", "assets", "timezone", "controls", "words"];

  constructor(root, props, emit) {
    super(root, props, emit);
    this.span_ms = (props.hours || 8) * HOUR_MS;
    this.to = null;
    this.answer = { lanes: [], received: { t_ms: [], frames: [] }, events: [] };
    this.answered = false;
    this.names = el("div", { class: "ft-lane-names" });
    this.plot = el("div", { class: "ft-lane-plot", ...(props.controls ? { tabindex: "0", role: "slider", "aria-label": t("strip.controls") } : {}) });
    this.body = el("div", { class: "ft-lanes" }, this.names, this.plot);
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    if (props.controls) root.append((this.controls = new TimeControls(this)).node);
    root.append(this.note, this.body);
    if (this.controls) this.until(() => this.controls.dispose());
    toggle(root, "has-controls", props.controls);
    const seen = new ResizeObserver(() => this.plot.style.setProperty("--seen", `${this.body.clientHeight}px`));
    seen.observe(this.body);
    this.until(() => seen.disconnect());
    this.body.addEventListener("scroll", () => this.sheet.ask(), { passive: true });
    this.sheet = new Sheet(this.plot, (context, width, height) => this.draw(context, width, height), t("strip.title"));
    this.until(() => this.sheet.dispose());
    this.abort = new AbortController();
    this.until(() => this.abort.abort());
    this.until(() => clearTimeout(this.planned));
    this.until(onTheme(() => this.sheet.ask()));
    this.until(live.on("directory", () => this.layout()));
    this.until(
      clock.subscribe(() => {
        this.keepInView();
        this.drawControls();
        this.sheet.ask();
      }),
    );
    const timer = setInterval(() => this.tick(), 1000);
    this.until(() => clearInterval(timer));
    clock.assets = props.assets?.length ? props.assets : null;
    this.until(() => Object.assign(clock, { marks: [], gaps: [], assets: null, first_ms: undefined }));
    this.listen();
    this.layout();
    this.begin();
  }

  update(props) {
    if (props.hours && props.hours !== this.props.hours) {
      this.span_ms = props.hours * HOUR_MS;
      this.later();
    }
    super.update(props);
    this.sheet.ask();
  }

  get view() {
    const to = this.to ?? live.now() + this.span_ms * 0.01;
    return { from: to - this.span_ms, to };
  }

  /** In replay the window stands still, and moves only when the playhead leaves it. */
  keepInView() {
    if (!clock.replaying) {
      if (this.wasReplaying) this.to = null;
      this.wasReplaying = false;
      return;
    }
    if (!this.wasReplaying && this.to === null) this.to = live.now() + this.span_ms * 0.01;
    this.wasReplaying = true;
    const { from, to } = this.view;
    if (clock.at_ms < from || clock.at_ms > to) {
      this.to = Math.min(live.now() + this.span_ms * 0.01, clock.at_ms + this.span_ms * 0.3);
      this.later();
    }
  }

  tick() {
    const rested_ms = performance.now() - (this.fetched ?? 0);
    if (rested_ms > REFRESH_MS || (rested_ms > BEHIND_MS && this.byReceipt && Math.abs(clock.at_ms - this.upTo) > BEHIND_MS)) this.refetch();
    if (!clock.replaying) this.sheet.ask();
    this.drawControls();
  }

  get byReceipt() {
    return clock.replaying && clock.base === RECEIVE;
  }

  later() {
    clearTimeout(this.planned);
    this.planned = setTimeout(() => this.refetch(), 150);
  }

  /** What a strip shows is a long answer: what the page is about comes first. */
  begin() {
    if (!live.directory.empty) {
      this.refetch();
      return;
    }
    const first = () => {
      stop();
      clearTimeout(timer);
      requestAnimationFrame(() => setTimeout(() => this.plot.isConnected && this.refetch()));
    };
    const stop = live.on("directory", first);
    const timer = setTimeout(first, NO_DIRECTORY_MS);
    this.until(() => {
      stop();
      clearTimeout(timer);
    });
  }

  async refetch() {
    this.fetched = performance.now();
    const { from, to } = this.view;
    const asked = (this.asked = {});
    const query = new URLSearchParams({ site: this.props.site || "*", from_ms: Math.round(from - this.span_ms * 0.1), to_ms: Math.round(Math.min(live.now(), to + this.span_ms * 0.1)) });
    this.upTo = clock.at_ms;
    if (this.byReceipt) query.set("as_of_ms", Math.round(clock.at_ms));
    try {
      const answer = await fetchJson(`/view/lanes?${query}`, this.abort.signal);
      if (this.asked !== asked) return;
      this.answer = answer;
      this.answered = true;
      this.marks = (answer.events ?? []).filter((event) => notable(event) && this.isOf(event.asset));
      clock.marks = this.marks;
      clock.gaps = gapsOf(answer.received ?? { t_ms: [], frames: [] });
      clock.first_ms = answer.first_ms;
      this.note.hidden = true;
      this.layout();
    } catch (error) {
      if (this.abort.signal.aborted || this.asked !== asked) return;
      this.note.hidden = false;
      setText(this.note, t("error.answer", { what: t("strip.title"), detail: String(error?.message ?? error), at: time(live.now(), this.zone) }));
    }
    this.sheet.ask();
  }

  /** Whether an asset is one of those shown; all are where none was named. */
  isOf(asset) {
    const { assets } = this.props;
    return !assets?.length || asset.startsWith("twin/") || assets.some((one) => asset === one || asset.startsWith(`${one}/`));
  }

  // ---- frame ----

  get fixed() {
    return this.props.controls ? FLAG + RECEIVED + EVENTS + AXIS : AXIS;
  }

  layout() {
    const lanes = new Map((this.answer.lanes ?? []).map((lane) => [lane.asset, lane]));
    let ids = this.props.assets?.length ? this.props.assets : null;
    ids ??= assetsOf(live.directory, this.props.site).filter((asset) => asset.roles.has("state#0") || lanes.has(asset.id)).map((asset) => asset.id);
    if (!ids.length) ids = [...lanes.keys()];
    // a site, or a place of one, is a lane of all that stands there
    const whole = (id) => live.directory.sites.get(id) ?? live.directory.sites.get(id.split("/")[0])?.places.find((place) => place.id === id);
    this.rows = ids.map((id) => (whole(id) ? { id, site: whole(id), segments: siteLane(id, lanes.values()) } : { id, segments: lanes.get(id)?.segments ?? [] }));
    const name = this.rows.map((row) => `${row.id}${row.site ? "@" : ""}`).join(" ");
    this.body.style.setProperty("--natural", `${this.fixed + ids.length * LANE_NATURAL}px`);
    if (name !== this.namesDrawn) {
      this.namesDrawn = name;
      const links = this.rows.map((row) => (row.link = el("a", { href: !row.site ? assetHref(row.id) : live.directory.sites.has(row.id) ? floorHref(row.id) : lineHref(row.id), onclick: follow, title: row.id }, row.site ? named(row.site, this.lang) : shortName(row.id))));
      const heads = this.props.controls ? [el("span", { class: "is-received" }, t("strip.received")), el("span", { class: "is-events" }, t("strip.events"))] : [];
      this.names.replaceChildren(el("div", { class: "ft-lane-head" }, heads), el("div", { class: "ft-lane-links" }, links), el("div", { class: "ft-lane-foot" }));
    }
    this.sheet.ask();
  }

  // ---- time bar ----

  setSpan(span_ms, share = null) {
    const { from, to } = this.view;
    this.span_ms = Math.min(7 * 24 * HOUR_MS, Math.max(60000, span_ms));
    if (share !== null && (clock.replaying || this.to !== null)) this.to = Math.min(live.now() + this.span_ms * 0.01, from + share * (to - from) + (1 - share) * this.span_ms);
    else if (clock.replaying) this.to = Math.min(live.now() + this.span_ms * 0.01, clock.at_ms + this.span_ms * 0.5);
    this.later();
    this.drawControls();
    this.sheet.ask();
  }

  drawControls() {
    if (!this.props.controls) return;
    const now = clock.now();
    this.controls.draw();
    const { from } = this.view;
    const told = { "aria-valuemin": Math.round(from), "aria-valuemax": Math.round(live.now()), "aria-valuenow": Math.round(now), "aria-valuetext": time(now, this.zone) };
    for (const [name, value] of Object.entries(told)) this.plot.setAttribute(name, String(value));
  }

  // ---- hands ----

  listen() {
    const { plot } = this;
    let down = false;
    let looped = null;
    const moment = (event) => {
      const { from, to } = this.view;
      return from + (event.offsetX / Math.max(1, plot.clientWidth - RIGHT)) * (to - from);
    };
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      down = true;
      plot.setPointerCapture(event.pointerId);
      // with Shift a part of the bar is chosen to be played again and again
      looped = event.shiftKey && this.props.controls ? moment(event) : null;
      clock.seek(Math.min(moment(event), live.now() - 500));
    });
    plot.addEventListener("pointermove", (event) => {
      this.cursor = { x: event.offsetX, y: event.offsetY };
      if (down && looped !== null) clock.setLoop(Math.min(looped, moment(event)), Math.max(looped, moment(event)));
      else if (down) clock.seek(Math.min(moment(event), live.now() - 500));
      else this.sheet.ask();
    });
    const up = () => (down = false);
    plot.addEventListener("pointerup", up);
    plot.addEventListener("pointercancel", up);
    // a page of keys is a twentieth of the window; the arrows are the whole page's own
    plot.addEventListener("keydown", (event) => {
      const way = { PageUp: -1, PageDown: 1 }[event.key];
      if (!way || !this.props.controls) return;
      event.preventDefault();
      clock.seek(clock.now() + (way * this.span_ms) / PAGES_A_WINDOW);
    });
    plot.addEventListener("pointerleave", () => {
      this.cursor = null;
      this.sheet.ask();
    });
    plot.addEventListener(
      "wheel",
      (event) => {
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          event.preventDefault();
          const { to } = this.view;
          const next = to + (Math.sign(event.deltaX || event.deltaY) * this.span_ms) / 12;
          const end = live.now() + this.span_ms * 0.01;
          this.to = next >= end && !clock.replaying ? null : Math.min(end, next);
          this.later();
          this.sheet.ask();
        } else if (event.ctrlKey || (this.props.controls && event.offsetY < this.fixed - AXIS) || this.body.scrollHeight <= this.body.clientHeight + 1) {
          event.preventDefault();
          this.setSpan(this.span_ms * 1.25 ** Math.sign(event.deltaY), event.offsetX / Math.max(1, plot.clientWidth - RIGHT));
        }
      },
      { passive: false },
    );
  }

  // ---- picture ----

  /** Lanes share the height there is, within limits; what does not fit scrolls. */
  laneHeight(room) {
    const tall = this.rows.length ? Math.min(LANE_MAX, Math.max(LANE_MIN, Math.floor(room / this.rows.length))) : 0;
    this.names.style.setProperty("--lane", `${tall}px`);
    return tall;
  }

  draw(context, width, height) {
    const { from, to } = this.view;
    const right = width - RIGHT;
    const x = (moment) => ((moment - from) / (to - from)) * right;
    const now = live.now();
    const controls = this.props.controls;
    const top = controls ? FLAG + RECEIVED + EVENTS : 0;
    const bottom = height - AXIS;
    const tall = this.laneHeight(bottom - top);
    const area = { x, from, to, right, top, bottom, width, height, now };
    const scrolled = this.body.scrollTop;
    this.grid(context, area);
    if (controls) {
      this.drawReceived(context, area);
      this.drawEvents(context, area);
      this.controls.bookmarks.paint(context, x, right, FLAG + 3);
    }
    context.save();
    context.beginPath();
    context.rect(0, top, width, bottom - top);
    context.clip();
    this.rows.forEach((row, i) => {
      const at = top + i * tall - scrolled;
      if (at + tall > top && at < bottom) this.drawRow(context, row, at, tall, area);
    });
    context.restore();
    if (!this.rows.some((row) => row.segments.length)) {
      context.fillStyle = color("--ink-3");
      context.font = `12px ${color("--font")}`;
      context.textAlign = "center";
      context.fillText(t(this.answered ? "strip.no_states" : "trends.loading"), width / 2, (top + bottom) / 2 + 4);
    }
    if (x(now) < right) {
      context.globalAlpha = 0.5;
      context.fillStyle = hatch(context, color("--line"), null, 8, 1);
      context.fillRect(x(now), top, right - x(now), bottom - top);
      context.globalAlpha = 1;
    }
    if (clock.replaying && clock.loop && controls) this.drawLoop(context, area);
    this.drawPlayhead(context, area);
    if (this.cursor) this.drawCursor(context, area, tall);
  }

  grid(context, { x, from, to, right, top, bottom, height }) {
    const axis = timeTicks(from, to, Math.max(2, right / 90), zoneOffset(to, this.zone));
    context.font = `11px ${color("--font")}`;
    context.textAlign = "center";
    context.strokeStyle = color("--line-soft");
    context.fillStyle = color("--ink-2");
    context.beginPath();
    for (const moment of axis.t) {
      const at = Math.round(x(moment)) + 0.5;
      context.moveTo(at, this.props.controls ? FLAG : top);
      context.lineTo(at, bottom);
      if (at > 18 && at < right - 18) context.fillText(tickLabel(moment, this.zone, axis.step_s), at, height - 5);
    }
    context.stroke();
  }

  drawReceived(context, { x, right }) {
    const { t_ms: times, frames } = this.answer.received ?? { t_ms: [], frames: [] };
    const base = FLAG + RECEIVED - 4;
    context.fillStyle = color("--line");
    context.fillRect(0, base, right, 1);
    if (!times.length) return;
    const distances = times.slice(1).map((time_, i) => time_ - times[i]);
    const step = distances.length ? Math.min(...distances) : 60000;
    const most = Math.max(1, ...frames.map((n) => n ?? 0));
    const gap = hatch(context, color("--stale"), color("--raised"), 5, 2);
    // before the very first frame nothing is missing: there was nothing yet
    const first = this.answer.received.recorded ? 0 : frames.findIndex((n) => n > 0);
    const nothing = hatch(context, color("--line"), null, 8, 1);
    const shade = (a, b) => {
      const [left, wide] = [Math.max(0, x(a)), Math.min(right, x(b)) - Math.max(0, x(a))];
      if (wide < 1) return;
      context.fillStyle = first < 0 || a < times[first] ? nothing : gap;
      context.fillRect(left, FLAG + 2, wide, RECEIVED - 6);
    };
    times.forEach((start, i) => {
      if (i && start - times[i - 1] > step * 1.5) shade(times[i - 1] + step, start);
      const left = Math.max(0, x(start));
      const wide = Math.min(right, x(start + step)) - left;
      if (wide <= 0) return;
      if (!frames[i]) {
        shade(start, start + step);
        return;
      }
      const high = (frames[i] / most) * (RECEIVED - 8);
      context.fillStyle = color("--idle");
      context.fillRect(left, base - high, Math.ceil(wide), high);
    });
  }

  drawEvents(context, { x, right }) {
    const middle = FLAG + RECEIVED + EVENTS / 2;
    const kindOf = (event) => (event.kind === "AlarmRaised" ? `p${event.after}` : event.kind === "StateChanged" ? look(event.after) : event.kind.endsWith("Lost") ? "lost" : "other");
    // where marks would cover each other the worst stays
    const ranks = ["p1", "p2", "fault", "p3", "lost", "held", "p4"];
    const rank = (after) => (ranks.includes(after) ? ranks.indexOf(after) : ranks.length);
    const marks = (this.marks ?? []).map((event) => [x(event.t_ms), kindOf(event)]).filter(([at]) => at >= 0 && at <= right);
    const taken = [];
    for (const [at, after] of marks.sort((p, q) => rank(p[1]) - rank(q[1]))) {
      if (taken.some((other) => Math.abs(other - at) < MARK_PX)) continue;
      taken.push(at);
      context.lineWidth = 1.5;
      context.beginPath();
      if (after.startsWith("p")) drawPriority(context, Number(after.slice(1)), at, middle);
      else if (after === "fault") {
        context.fillStyle = color("--p1");
        context.fillRect(at - 4, middle - 4, 8, 8);
      } else if (after === "held") {
        context.fillStyle = color("--p2");
        context.moveTo(at, middle - 5);
        context.lineTo(at + 5, middle + 4);
        context.lineTo(at - 5, middle + 4);
        context.fill();
      } else if (after === "lost") {
        context.strokeStyle = color("--stale");
        context.setLineDash([2, 1.6]);
        context.arc(at, middle, 4, 0, 7);
        context.stroke();
        context.setLineDash([]);
      } else {
        context.strokeStyle = color("--needle");
        context.moveTo(at, middle - 4);
        context.lineTo(at + 4, middle);
        context.lineTo(at, middle + 4);
        context.lineTo(at - 4, middle);
        context.closePath();
        context.stroke();
      }
      context.lineWidth = 1;
    }
  }

  drawRow(context, row, top, tall, { x, right, now }) {
    for (const [start, end, state] of row.segments) {
      const a = Math.max(0, x(start));
      const b = Math.min(right, x(Math.min(end ?? now, now)));
      if (b < 0 || a > right) continue;
      // one asset's fault is not the whole site's: it takes only the middle of the lane
      if (row.site && look(state) !== "run") drawSegment(context, look(state), a, Math.max(b, a + 0.5), top + tall * 0.3, tall * 0.4);
      else drawSegment(context, look(state), a, Math.max(b, a + 0.5), top, tall, tall >= 16 && b - a > 60 && !row.site ? stateWord(state) : null);
    }
    context.fillStyle = color("--line-soft");
    context.fillRect(0, top + tall - 0.5, right, 0.5);
  }

  drawLoop(context, { x, right, bottom }) {
    const [left, end] = clock.loop.map((moment) => Math.min(right, Math.max(0, x(moment))));
    context.fillStyle = color("--replay");
    context.globalAlpha = 0.1;
    context.fillRect(left, FLAG, end - left, bottom - FLAG);
    context.globalAlpha = 1;
    context.fillRect(left, FLAG - 3, end - left, 3);
    for (const edge of [left, end]) context.fillRect(edge - 1, FLAG - 3, 2, 12);
  }

  drawPlayhead(context, { x, right, top, bottom, width }) {
    const moment = clock.now();
    const at = x(moment);
    if (at < 0 || at > right + 1) return;
    if (clock.replaying) {
      context.globalAlpha = 0.62;
      context.fillStyle = color("--panel");
      context.fillRect(at, this.props.controls ? FLAG : top, right - at, bottom - (this.props.controls ? FLAG : top));
      context.globalAlpha = 1;
    }
    context.fillStyle = color(clock.replaying ? "--replay" : "--accent");
    context.fillRect(Math.round(at) - 1, 0, 2, bottom);
    if (!this.props.controls) return;
    context.font = `650 11px ${color("--font")}`;
    const text = clock.replaying ? time(moment, this.zone, true) : time(moment, this.zone);
    const wide = context.measureText(text).width + 12;
    const left = Math.min(width - wide, Math.max(0, at - wide / 2));
    context.fillRect(left, 0, wide, FLAG - 3);
    context.fillStyle = color("--on-accent");
    context.textAlign = "center";
    context.fillText(text, left + wide / 2, 12.5);
  }

  drawCursor(context, area, tall) {
    const { from, to, right, top, bottom, width } = area;
    const { x, y } = this.cursor;
    if (x > right) return;
    const moment = from + (x / right) * (to - from);
    context.fillStyle = color("--accent");
    context.globalAlpha = 0.6;
    context.fillRect(Math.round(x), 0, 1, bottom);
    context.globalAlpha = 1;
    const row = this.rows[Math.floor((y - top + this.body.scrollTop) / tall)];
    const segment = y >= top ? row?.segments.findLast(([a, b]) => a <= moment && moment < (b ?? Infinity)) : null;
    const text = [time(moment, this.zone), segment && !(clock.replaying && moment > clock.at_ms) ? `${row.site ? named(row.site, this.lang) : shortName(row.id)} ${stateWord(segment[2])}` : null, this.controls?.bookmarks.at(x, area.x) ? `⚑ ${this.controls.bookmarks.at(x, area.x)}` : null].filter(Boolean).join(" · ");
    context.font = `600 11px ${color("--font")}`;
    const wide = context.measureText(text).width + 12;
    const left = Math.min(width - wide - 2, x + 8);
    const at = Math.min(bottom - 20, Math.max(top, y - 22));
    context.fillStyle = color("--panel");
    context.fillRect(left, at, wide, 18);
    context.strokeStyle = color("--line");
    context.strokeRect(left + 0.5, at + 0.5, wide - 1, 17);
    context.fillStyle = color("--ink");
    context.textAlign = "left";
    context.fillText(text, left + 6, at + 13);
  }
}

