// The Trends page: pens over one time axis, compared with some time ago; all that it shows stands in its address.
import { clock, fetchJson } from "./clock.js";
import { Core } from "./component.js";
import { labelled } from "./directory.js";
import { Tail } from "./downsample.js";
import { el, setText, Sheet, toggle } from "./dom.js";
import { date, number, shortName, shownAs, time, zoneName } from "./format.js";
import { live } from "./live.js";
import { present } from "./present.js";
import { color, onTheme } from "./theme.js";
import { DAY_S, HOUR_S, MAX_PENS, MAX_SPAN_MS, panned, read, showing, SPANS_S, toggled, windowOf, withCursor, write, zoomed } from "./trends/board.js";
import { Finder } from "./trends/finder.js";
import { Groups, send } from "./trends/groups.js";
import { Hands } from "./trends/hands.js";
import { Lane } from "./trends/lane.js";
import { drawBoard, penColor } from "./trends/plot.js";
import { Readings } from "./trends/readings.js";
import { t } from "./words.js";

const PATH = "/trends";
const KEPT = "factory-twin trends";
const FETCH_MS = 60;
const URL_MS = 250;
const REFETCH_MS = 30_000;
const READ_MS = 150;
const MAX_POINTS = 2000;
const PICTURE_PX = 1600;

export class TrendBoardCore extends Core {
  static rebuildOn = ["lang", "timezone", "words", "shifts", "may_export", "may_keep"];

  constructor(root, props, emit) {
    super(root, props, emit);
    this.board = this.first();
    this.lanes = new Map();
    this.meanwhile = { lanes: [], events: [], alarms: [] };
    this.hover = null;
    this.selecting = null;
    this.abort = new AbortController();
    this.until(() => this.abort.abort());
    this.until(() => [this.planned, this.urlPlanned, this.readPlanned].forEach(clearTimeout));
    this.finder = new Finder({ lang: () => this.lang, toggle: (id) => this.set(toggled(this.board, id)), pens: () => this.board.pens });
    this.groups = new Groups({ lang: () => this.lang, shown: () => this.board, open: (group) => this.open(group), mayKeep: Boolean(props.may_keep), signal: this.abort.signal });
    this.readings = new Readings({ pick: (id) => this.set({ ...this.board, picked: this.board.picked === id ? null : id }), toggle: (id) => this.set(toggled(this.board, id)) });
    this.until(() => this.finder.dispose());
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.plot = el("div", { class: "ft-board-plot", tabindex: "0", role: "group", "aria-label": t("trends.keys") });
    root.append(el("div", { class: "ft-board-side" }, this.finder.root, this.groups.root), el("div", { class: "ft-board-main" }, el("section", { class: "card ft-board-card" }, this.toolbar(), this.note, this.plot), el("section", { class: "card ft-board-reads" }, this.readings.root)));
    this.sheet = new Sheet(this.plot, (context, width, height) => this.draw(context, width, height), t("trends.title"));
    this.until(() => this.sheet.dispose());
    this.hands = new Hands(this.plot, this);
    this.until(onTheme(() => this.sheet.ask()));
    this.until(present.onChange((changed) => this.append(changed)));
    this.until(present.onTick(() => this.tick()));
    this.until(
      live.on("directory", () => {
        this.finder.learn();
        this.take();
      }),
    );
    this.followClock();
    const moved = () => location.pathname === PATH && this.fromAddress();
    for (const name of ["popstate", "_dashprivate_pushstate"]) {
      window.addEventListener(name, moved);
      this.until(() => window.removeEventListener(name, moved));
    }
    this.take();
  }

  /** What the address asks for; where it asks for nothing, what was last looked at. */
  first() {
    const asked = read(location.search);
    if (asked.pens.length) return asked;
    try {
      const kept = sessionStorage.getItem(KEPT);
      if (kept && !/[?&](pen|span|to)=/.test(location.search)) return read(kept);
    } catch {
      // A browser that keeps nothing shows an empty board.
    }
    return asked;
  }

  fromAddress() {
    const asked = read(location.search);
    if (asked.pens.length && write(asked) !== write(this.board)) this.set(asked);
  }

  followClock() {
    let before = clock.now();
    let mode = clock.mode;
    this.until(
      clock.subscribe(() => {
        const now = clock.now();
        if (clock.mode !== mode || now < before - 1 || now > before + 1000 * Math.max(2, clock.speed * 2)) {
          for (const { now: lane } of this.lanes.values()) lane.tail = new Tail();
          this.later();
        }
        before = now;
        mode = clock.mode;
        if (clock.replaying) this.sheet.ask();
      }),
    );
  }

  // ---- what is shown ----

  set(board) {
    const before = this.board;
    this.board = board;
    const others = ["pens", "span_ms", "to", "shift_s"].some((name) => JSON.stringify(before[name]) !== JSON.stringify(board[name]));
    if (others) this.take();
    if (before.pens !== board.pens) this.finder.draw();
    this.redraw();
    this.writeAddress();
  }

  redraw() {
    this.drawToolbar();
    this.sheet.ask();
  }

  open(group) {
    this.set({ ...this.board, pens: group.pens.slice(0, MAX_PENS), span_ms: Math.min(MAX_SPAN_MS, group.span_s * 1000), shift_s: group.shift_s, picked: null });
  }

  writeAddress() {
    clearTimeout(this.urlPlanned);
    this.urlPlanned = setTimeout(() => {
      if (location.pathname !== PATH) return;
      const query = write(this.board, location.search);
      history.replaceState(history.state, "", `${PATH}?${query}`);
      try {
        sessionStorage.setItem(KEPT, write(this.board));
      } catch {
        // Then it is in the address only.
      }
    }, URL_MS);
  }

  get now() {
    return clock.now();
  }

  get window() {
    return windowOf(this.board, this.now);
  }

  /** Pens with what they are drawn by; one that nobody knows keeps its place. */
  get pens() {
    return this.board.pens.map((id, n) => {
      const signal = live.directory.signals.get(id);
      const column = signal?.column ?? { name: id, low: null, high: null, unit: "", kind: "gauge" };
      const { now: lane, then } = this.lanes.get(id);
      const found = shownAs(column);
      return { id, n, signal, column, asset: id.slice(0, id.lastIndexOf(":")), label: signal ? labelled(column, this.lang) : id.slice(id.lastIndexOf(":") + 1), ...found, lane, then, shift_ms: this.board.shift_s * 1000 };
    });
  }

  // ---- data ----

  take() {
    const wanted = new Set(this.board.pens);
    for (const id of this.lanes.keys()) if (!wanted.has(id)) this.lanes.delete(id);
    for (const id of wanted) if (!this.lanes.has(id)) this.lanes.set(id, { now: new Lane(id), then: new Lane(id) });
    this.drawToolbar();
    this.later();
    this.sheet.ask();
    this.read();
  }

  later() {
    clearTimeout(this.planned);
    this.planned = setTimeout(() => this.refetch(), FETCH_MS);
  }

  tick() {
    this.sheet.ask();
    const every = clock.replaying ? (clock.playing ? 4000 : Infinity) : this.board.to === null ? Math.max(REFETCH_MS, this.board.span_ms / 20) : Infinity;
    if (performance.now() - (this.fetched ?? 0) > every) this.refetch();
  }

  async refetch() {
    if (live.directory.empty) return;
    this.fetched = performance.now();
    const { from, to } = this.window;
    const count = Math.min(MAX_POINTS, Math.max(100, Math.round((this.plot.clientWidth || 1000) - 120)));
    const shift = this.board.shift_s * 1000;
    const began = performance.now();
    // what nobody knows (yet) is said in its row, not asked for again and again
    const known = [...this.lanes].filter(([id]) => live.directory.signals.get(id)?.isText === false).map(([, lanes]) => lanes);
    const asked = known.flatMap(({ now, then }) => [[now, 0], ...(shift ? [[then, shift]] : [])]);
    const done = asked.map(async ([lane, back]) => {
      await lane.fetch(from - back, to - back + 1, count, this.abort.signal);
      lane.done = true;
      this.sheet.ask();
    });
    this.fetchMeanwhile(from, to);
    await Promise.all(done);
    if (this.abort.signal.aborted) return;
    this.tookMs = performance.now() - began;
    const failed = [...this.lanes.values()].map(({ now }) => now.failed).find(Boolean);
    this.say(failed ? t("error.trend", { detail: failed }) : "");
    this.read();
  }

  async fetchMeanwhile(from, to) {
    const asked = (this.asked = {});
    const assets = [...new Set(this.board.pens.map((id) => id.slice(0, id.lastIndexOf(":"))))];
    if (!assets.length) {
      this.meanwhile = { lanes: [], events: [], alarms: [] };
      return;
    }
    const query = new URLSearchParams({ from_ms: Math.round(from), to_ms: Math.round(to) });
    for (const asset of assets) query.append("asset", asset);
    if (clock.replaying) query.set("as_of_ms", Math.round(this.now));
    try {
      const found = await fetchJson(`/view/meanwhile?${query}`, this.abort.signal);
      if (this.asked === asked) this.meanwhile = found;
    } catch (error) {
      if (this.abort.signal.aborted || this.asked !== asked) return;
      this.say(t("trends.no_events", { detail: String(error?.message ?? error) }));
    }
    this.sheet.ask();
  }

  append(changed) {
    let any = changed === null;
    for (const [id, { now: lane }] of this.lanes) {
      const signal = live.directory.signals.get(id);
      if (!signal || signal.isText || (changed && !changed.has(signal.stream.key))) continue;
      const entry = present.entry(signal.stream.key);
      if (!entry) continue;
      const value = entry.v[signal.at];
      if (!Number.isNaN(value)) any = lane.tail.push(entry.t, value, lane.gap_ms) || any;
    }
    if (any) this.sheet.ask();
  }

  say(text) {
    this.note.hidden = !text;
    setText(this.note, text);
  }

  // ---- toolbar ----

  toolbar() {
    const button = (key, text, action, className = "") => el("button", { class: `btn s ${className}`, type: "button", title: t(key), "aria-label": t(key), onclick: action }, text);
    const { shifts } = this.props;
    this.follow = el("button", { class: "btn s", type: "button", onclick: () => this.set({ ...this.board, to: this.board.to === null ? this.window.to : null }) });
    this.spans = SPANS_S.map((s) => el("button", { type: "button", "data-s": s, onclick: () => this.set(showing({ ...this.board, to: this.board.to }, this.now, this.window.to - s * 1000, this.window.to)) }, spanWord(s)));
    this.backs = ["off", "hour", "shift", "day", "week"].map((name) => el("button", { type: "button", "data-back": name, hidden: name === "shift" && !Object.keys(shifts ?? {}).length, onclick: () => this.set({ ...this.board, shift_s: this.back(name) }) }, t(`trends.back_${name}`)));
    this.views = [["overlay", false], ["lanes", true]].map(([name, lanes]) => el("button", { type: "button", "data-lanes": String(lanes), onclick: () => this.set({ ...this.board, lanes }) }, t(`trends.view_${name}`)));
    this.clear = button("trends.clear_cursors_do", t("trends.clear_cursors"), () => this.set({ ...this.board, a: null, b: null }));
    this.range = el("span", { class: "ft-board-range" });
    this.exports = [button("trends.csv_all_do", t("trends.csv_all"), () => this.csv(null)), button("trends.csv_drawn_do", t("trends.csv_drawn"), () => this.csv(1000)), button("trends.png_do", "PNG", () => this.png())];
    for (const one of this.exports) one.hidden = !this.props.may_export;
    const group = (key, parts, className = "") => el("span", { class: `grp ${className}` }, el("span", { class: "lab" }, t(key)), el("span", { class: "seg", role: "group", "aria-label": t(key) }, parts));
    return el(
      "div",
      { class: "ft-board-bar", role: "toolbar", "aria-label": t("trends.title") },
      el("span", { class: "grp" }, button("trends.earlier", "◀", () => this.set(panned(this.board, this.now, -0.5))), button("trends.later", "▶", () => this.set(panned(this.board, this.now, 0.5))), button("trends.closer", "+", () => this.set(zoomed(this.board, this.now, 0.5, 0.5)), "ft-board-closer"), button("trends.wider", "−", () => this.set(zoomed(this.board, this.now, 2, 0.5)), "ft-board-wider"), this.follow),
      group("trends.window", this.spans),
      group("trends.compare", this.backs),
      group("trends.view", this.views),
      el("span", { class: "grp" }, this.clear),
      el("span", { class: "grp end" }, this.exports),
      this.range,
    );
  }

  /** How long ago a name means; a shift is as long as those of the first pen's site. */
  back(name) {
    const site = this.board.pens[0]?.split("/")[0];
    const { shifts = {} } = this.props;
    return { off: 0, hour: HOUR_S, shift: shifts[site] ?? Object.values(shifts)[0] ?? 0, day: DAY_S, week: 7 * DAY_S }[name];
  }

  drawToolbar() {
    const { board } = this;
    setText(this.follow, board.to === null ? t("trends.following") : t("trends.follow"));
    toggle(this.follow, "is-on", board.to === null);
    this.follow.setAttribute("aria-pressed", String(board.to === null));
    for (const one of this.spans) toggle(one, "on", Math.abs(Number(one.dataset.s) * 1000 - board.span_ms) < 500);
    for (const one of this.backs) toggle(one, "on", this.back(one.dataset.back) === board.shift_s);
    for (const one of this.views) toggle(one, "on", (one.dataset.lanes === "true") === board.lanes);
    this.clear.disabled = board.a === null && board.b === null;
    for (const one of this.exports) one.disabled = !board.pens.length;
  }

  agoWord() {
    const name = ["hour", "shift", "day", "week"].find((one) => this.back(one) === this.board.shift_s);
    return name ? t(`trends.back_${name}`) : spanWord(this.board.shift_s);
  }

  // ---- picture ----

  model(pens) {
    const { board } = this;
    return { board, pens, window: this.window, now: this.now, zone: this.zone, lang: this.lang, meanwhile: board.pens.length ? this.meanwhile : { lanes: [], events: [], alarms: [] }, hover: this.hover, selecting: this.selecting, replaying: clock.replaying };
  }

  draw(context, width, height) {
    const pens = this.pens;
    this.model_ = this.model(pens);
    this.place = drawBoard(context, width, height, this.model_);
    this.drawnPens = pens;
    const { from, to } = this.window;
    const day = date(from, this.zone) === date(to, this.zone);
    setText(this.range, `${date(from, this.zone)} ${time(from, this.zone)} – ${day ? "" : `${date(to, this.zone)} `}${time(to, this.zone)} ${zoneName(this.zone, to)}`);
    this.read();
  }

  /** The table is filled a few times a second, not with every frame. */
  read() {
    this.readPlanned ??= setTimeout(() => {
      this.readPlanned = null;
      if (this.drawnPens && this.model_) this.readings.fill(this.drawnPens, this.model(this.drawnPens), this.agoWord());
    }, READ_MS);
  }

  momentAt(x) {
    const { from, to } = this.window;
    const { left, right } = this.place ?? { left: 0, right: 1 };
    return from + ((x - left) / Math.max(1, right - left)) * (to - from);
  }

  /** A click: a cursor in the plot, the replay's moment in the states below it. */
  click(x, y) {
    if (!this.place || x < this.place.left || x > this.place.right) return;
    if (y >= this.place.lanesTop && this.place.lanes.length) clock.seek(this.momentAt(x));
    else this.set(withCursor(this.board, this.momentAt(x)));
  }

  // ---- export ----

  csv(points) {
    const { from, to } = this.window;
    const query = new URLSearchParams({ from_ms: Math.round(from), to_ms: Math.round(to) });
    for (const id of this.board.pens) query.append("pen", id);
    if (points) query.set("max_points", points);
    if (clock.replaying) query.set("as_of_ms", Math.round(this.now));
    this.save(`/view/trend.csv?${query}`, "");
  }

  async png() {
    const { from, to } = this.window;
    try {
      await send("POST", "/view/trend.png", { pens: this.board.pens, from_ms: Math.round(from), to_ms: Math.round(to) });
    } catch (error) {
      this.say(t("trends.not_saved", { detail: String(error?.message ?? error) }));
      return;
    }
    const blob = await new Promise((done) => this.picture().toBlob(done, "image/png"));
    const url = URL.createObjectURL(blob);
    this.save(url, `trend-${new Date(Math.round(from)).toISOString().slice(0, 19).replaceAll(":", "")}.png`);
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  save(href, name) {
    const link = el("a", { href, download: name, hidden: true });
    this.root.append(link);
    link.click();
    link.remove();
  }

  /** Title, plot and a line for each pen, twice as fine as on the screen. */
  picture() {
    const width = Math.max(PICTURE_PX / 2, this.plot.clientWidth);
    const pens = this.pens;
    const [head, foot] = [34, 12 + pens.length * 18];
    const tall = Math.max(320, this.plot.clientHeight);
    const canvas = el("canvas", { width: width * 2, height: (head + tall + foot) * 2 });
    const context = canvas.getContext("2d");
    const font = color("--font");
    context.scale(2, 2);
    context.fillStyle = color("--panel");
    context.fillRect(0, 0, width, head + tall + foot);
    context.fillStyle = color("--ink");
    context.font = `650 14px ${font}`;
    context.fillText(`${t("trends.title")} · ${this.range.textContent}${this.board.shift_s ? ` · ${t("trends.compare")}: ${this.agoWord()}` : ""}`, 12, 22);
    context.save();
    context.translate(0, head);
    const model = { ...this.model(pens), hover: null, selecting: null };
    drawBoard(context, width, tall, model);
    context.restore();
    this.readings.fill(pens, model, this.agoWord());
    pens.forEach((pen, i) => {
      const y = head + tall + 18 + i * 18;
      context.fillStyle = color(penColor(pen.n));
      context.fillRect(12, y - 11, 16, 14);
      context.fillStyle = color("--panel");
      context.font = `650 11px ${font}`;
      context.textAlign = "center";
      context.fillText(String(pen.n + 1), 20, y);
      context.textAlign = "left";
      context.fillStyle = color("--ink");
      context.font = `12px ${font}`;
      const cells = this.readings.rows[i].cells;
      const sums = ["min", "mean", "max"].map((name) => `${t(`trends.${name}`)} ${cells[name].textContent}`).join("  ");
      context.fillText(`${pen.label} · ${shortName(pen.asset)} · ${sums} ${pen.symbol}`, 36, y);
    });
    return canvas;
  }
}

function spanWord(s) {
  if (s >= DAY_S) return t("span.days", { n: number(s / DAY_S, s % DAY_S ? 1 : 0) });
  return s >= HOUR_S ? t("span.hours", { n: number(s / HOUR_S, s % HOUR_S ? 1 : 0) }) : t("span.minutes", { n: number(s / 60) });
}

