// Compare: two sides on one relative axis: a ghost on the floor, trends over each other, states, and what differs.
import { clock, fetchJson } from "./clock.js";
import { Core } from "./component.js";
import { assetsOf } from "./directory.js";
import { el, setText, toggle } from "./dom.js";
import { number, shortName } from "./format.js";
import { live } from "./live.js";
import { readable, speedText, SPEEDS } from "./playback.js";
import { onTheme } from "./theme.js";
import { t } from "./words.js";
import { intervalText, MOST_SIGNALS, readCompare, WAYS, writeAlign, writeCompare } from "./compare/address.js";
import { Chooser } from "./compare/choose.js";
import { card, csvButton } from "./compare/frame.js";
import { Lanes, rowsOf } from "./compare/lanes.js";
import { nameOf, Plot } from "./compare/plot.js";
import { Relative } from "./compare/relative.js";
import { GhostView } from "./compare/scene.js";
import { Side } from "./compare/side.js";
import { chosenRows, eventList, kpiTable, signalTable } from "./compare/tables.js";

const TICK_MS = 50;
const URL_EVERY_MS = 400;
const FINE_S = 0.1;
const POINTS = 900;
const FIRST_SIGNALS = 3;
const DEFAULT_MS = 120_000;
const DEG = 180 / Math.PI;

export class CompareBoardCore extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-compare");
    this.state = readCompare(new URL(location.href).searchParams);
    this.clock = new Relative();
    this.clock.speed = this.state.speed;
    this.sides = { a: null, b: null };
    this.abort = new AbortController();
    this.build();
    this.listen();
    this.until(() => this.abort.abort());
    this.until(() => this.drop());
    this.offer();
  }

  zoneOf(site) {
    return live.directory.sites.get(site)?.timezone ?? this.zone;
  }

  // ---- frame ----

  build() {
    const changed = () => this.edited();
    this.choosers = { a: new Chooser("A", this.lang, (site) => this.zoneOf(site), changed), b: new Chooser("B", this.lang, (site) => this.zoneOf(site), changed) };
    this.swap = el("button", { type: "button", class: "btn s", title: `${t("compare.swap")} (X)`, "aria-label": t("compare.swap"), onclick: () => this.exchange() }, "⇄");
    this.ways = el("div", { class: "seg", role: "group", "aria-label": t("compare.align") }, WAYS.map((way) => el("button", { type: "button", "data-way": way, onclick: () => this.setWay(way) }, t(`compare.way_${way}`))));
    this.shift = el("input", { type: "number", step: "0.01", class: "ft-choice cmp-shift", "aria-label": t("compare.shift"), onchange: () => this.edited() });
    this.event = el("input", { type: "text", class: "ft-choice cmp-event", list: "cmp-names", "aria-label": t("compare.event"), placeholder: "cycle", onchange: () => this.edited() });
    this.names = el("datalist", { id: "cmp-names" }, ["cycle", "Execute", "Held", "AlarmRaised"].map((one) => el("option", { value: one })));
    this.shiftLabel = el("label", { class: "cmp-how" }, t("compare.shift"), this.shift, "s");
    this.eventLabel = el("label", { class: "cmp-how" }, this.event, this.names);
    this.byLag = el("button", { type: "button", class: "btn s", hidden: true, onclick: () => this.takeLag() });
    this.asset = el("select", { class: "ft-choice", "aria-label": t("compare.asset"), onchange: () => this.edited() });
    this.go = el("button", { type: "button", class: "btn main-btn", onclick: () => this.load() }, t("compare.go"));
    this.copy = el("button", { type: "button", class: "btn", onclick: () => this.copyLink() }, t("compare.copy"));
    this.csv = csvButton(() => [this.state, this.told]);
    this.note = el("p", { class: "ft-note cmp-note", role: "status", hidden: true });
    const bar = el("div", { class: "cmp-top" }, this.choosers.a.node, this.swap, this.choosers.b.node, el("div", { class: "cmp-align" }, el("span", { class: "cap" }, t("compare.align")), this.ways, this.shiftLabel, this.eventLabel, this.byLag), el("div", { class: "cmp-go" }, this.asset, this.go, this.csv, this.copy));

    this.stage = el("div", { class: "ft-twin cmp-stage" });
    this.legend = el("p", { class: "cmp-legend" }, el("b", { class: "is-a" }, t("compare.legend_a")), el("b", { class: "is-b" }, t("compare.legend_b")));
    this.joints = el("div", { class: "cmp-joints", hidden: true });
    this.near = el("select", { class: "ft-choice", "aria-label": t("compare.near"), onchange: () => this.look(this.near.value) });
    const twin = card(t("compare.poses"), el("span", { class: "r" }, this.near), el("div", { class: "card-b flush cmp-twin" }, this.stage, this.legend, this.joints));
    this.plot = new Plot(this.lang, (at) => this.clock.seek(at));
    this.pens = el("span", { class: "r cmp-pens" });
    const trends = card(t("compare.trends"), this.pens, el("div", { class: "card-b" }, this.plot.node));
    this.lanes = new Lanes((at) => this.clock.seek(at));
    this.lanesSaid = el("small");
    const states = card(t("compare.states"), this.lanesSaid, this.lanes.node);
    this.word = el("input", { type: "search", class: "ft-choice", placeholder: t("compare.find"), "aria-label": t("compare.find"), oninput: () => this.drawSignals() });
    this.all = el("input", { type: "checkbox", onchange: () => this.drawSignals() });
    this.signalsSaid = el("small");
    this.signals = el("div", { class: "ft-scroll cmp-scroll" });
    const numbers = card(t("compare.numbers"), [this.signalsSaid, el("span", { class: "r" }, this.word, el("label", { class: "cmp-check" }, this.all, t("compare.all")))], this.signals);
    this.kpis = el("div", { class: "ft-scroll cmp-scroll" });
    this.eventsSaid = el("small");
    this.events = el("div", { class: "ft-scroll cmp-scroll" });
    const side = el("div", { class: "cmp-r" }, card(t("compare.kpis"), null, this.kpis), card(t("compare.events"), this.eventsSaid, this.events));
    this.results = el("div", { class: "cmp-g" }, el("div", { class: "cmp-1" }, twin, trends), el("div", { class: "cmp-2" }, states, numbers, side));

    this.playButton = el("button", { type: "button", class: "btn main-btn cmp-play", onclick: () => this.clock.toggle() });
    this.said = el("output", { class: "cmp-at" });
    this.slider = el("input", { type: "range", class: "cmp-slider", step: "0.01", "aria-label": t("compare.moment"), oninput: () => this.clock.seek(Number(this.slider.value)) });
    this.marks = el("div", { class: "cmp-marks", "aria-hidden": "true" });
    this.speed = el("select", { class: "ft-choice", "aria-label": t("compare.speed"), onchange: () => this.clock.setSpeed(Number(this.speed.value)) }, SPEEDS.map((one) => el("option", { value: one }, speedText(one))));
    this.wait = el("small", { role: "status" });
    this.player = el("div", { class: "card cmp-player" }, this.playButton, this.said, el("div", { class: "cmp-track" }, this.marks, this.slider), this.wait, el("label", { class: "cmp-how" }, t("compare.speed"), this.speed));
    this.root.replaceChildren(bar, this.note, this.results, this.player);
    this.until(() => this.plot.dispose());
    this.until(() => this.lanes.dispose());
    this.view = new GhostView(this.stage, { site: this.props.site, mode: "3d", lang: this.lang, assets: [] }, () => {}, this.sides, () => this.drawJoints());
    this.until(() => this.view.dispose());
    this.drawWay();
    this.showState();
  }

  listen() {
    this.until(this.clock.subscribe(() => this.moved()));
    this.until(live.on("directory", () => this.heard()));
    this.until(onTheme(() => this.drawMarks()));
    let before = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      const passed = Math.min(1000, now - before);
      before = now;
      const ready = (at) => !this.told || (this.sides.a.covers(at) && this.sides.b.covers(at)) || at >= this.clock.end;
      this.clock.pass(passed, ready);
      if (this.told) this.fetchAhead();
    }, TICK_MS);
    this.until(() => clearInterval(timer));
    // before the page's own clock hears of them: these keys move the comparison, not the plant's time
    const keys = (event) => this.key(event);
    document.addEventListener("keydown", keys, true);
    this.until(() => document.removeEventListener("keydown", keys, true));
  }

  key(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target?.tagName ?? "")) return;
    if (event.key === " " && target?.closest?.("button, a, summary, [role=button]")) return;
    const { clock } = this;
    const action = {
      " ": () => clock.toggle(),
      ArrowLeft: () => (event.shiftKey ? this.jump(-1) : clock.seek(clock.at - 1)),
      ArrowRight: () => (event.shiftKey ? this.jump(1) : clock.seek(clock.at + 1)),
      Home: () => clock.seek(clock.start),
      End: () => clock.seek(clock.end),
      "[": () => clock.faster(-1),
      "]": () => clock.faster(1),
      ",": () => clock.seek(clock.at - FINE_S),
      ".": () => clock.seek(clock.at + FINE_S),
      x: () => this.exchange(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** To the next (1) or previous (-1) event that only one side has. */
  jump(direction) {
    const times = [...(this.told?.events_only_a ?? []), ...(this.told?.events_only_b ?? [])].map((one) => one.t_s).sort((a, b) => a - b);
    const found = direction > 0 ? times.find((at) => at > this.clock.at + 0.005) : times.reverse().find((at) => at < this.clock.at - 0.005);
    if (found !== undefined) this.clock.seek(found);
  }

  // ---- what is asked for ----

  async offer() {
    try {
      this.known = await fetchJson("/view/compare/sides", this.abort.signal);
    } catch (error) {
      if (!this.abort.signal.aborted) this.fail(String(error?.message ?? error));
      return;
    }
    const linked = this.state.a && this.state.b;
    if (!linked) this.suggest();
    for (const side of ["a", "b"]) {
      this.choosers[side].said = this.state[side];
      this.choosers[side].site = this.state.site;
      this.choosers[side].offer(this.known);
    }
    this.heard();
    if (linked) this.load();
    else this.fail(t("compare.begin"), false);
  }

  /** The two newest recordings of one site; where there are none, the last minutes and those before. */
  suggest() {
    const newest = [...this.known.recordings].sort((x, y) => y.from_ms - x.from_ms);
    const a = newest[0];
    const b = a && newest.find((one) => one !== a && one.site === a.site);
    const now = clock.now();
    this.state.a = a ? a.said : intervalText(now - 2 * DEFAULT_MS, now - DEFAULT_MS);
    this.state.b = b ? b.said : clock.replaying ? intervalText(now - DEFAULT_MS, now) : "live";
    if (!a) this.state.site ||= this.known.sites[0] ?? "";
  }

  edited() {
    const { align } = this.state;
    align.shift = Number(this.shift.value) || 0;
    align.name = this.event.value.trim();
    this.state.a = this.choosers.a.said;
    this.state.b = this.choosers.b.said;
    this.state.asset = this.asset.value;
    // an interval and the present need a site said; a recording has its own
    const typed = [this.choosers.a, this.choosers.b].filter((one) => !one.known?.has(one.said) && one.said !== "live");
    this.state.site = typed[0]?.site ?? "";
    toggle(this.go, "is-due", true);
    this.writeUrl();
  }

  setWay(way) {
    this.state.align.way = way;
    this.drawWay();
    this.edited();
  }

  drawWay() {
    const { way, shift, name } = this.state.align;
    for (const button of this.ways.children) {
      toggle(button, "on", button.dataset.way === way);
      button.setAttribute("aria-pressed", String(button.dataset.way === way));
    }
    this.shiftLabel.hidden = way !== "offset";
    this.eventLabel.hidden = way !== "event";
    this.shift.value = String(shift);
    this.event.value = name;
  }

  exchange() {
    const { state } = this;
    [state.a, state.b] = [state.b, state.a];
    state.align.shift = -state.align.shift;
    for (const side of ["a", "b"]) this.choosers[side].show(state[side], state.site);
    this.drawWay();
    this.edited();
    this.load();
  }

  takeLag() {
    this.state.align = { way: "offset", shift: this.lag_s, name: "" };
    this.drawWay();
    this.load();
  }

  async load() {
    const asked = (this.asked = {});
    this.edited();
    this.fail(t("compare.loading"), false);
    toggle(this.root, "is-loading", true);
    this.go.disabled = true;
    const { a, b, site, asset } = this.state;
    const query = new URLSearchParams({ a, b, align: writeAlign(this.state.align), site, asset });
    try {
      const answer = await fetch(`/view/compare?${query}`, { credentials: "same-origin", signal: this.abort.signal });
      const told = await answer.json();
      if (this.asked !== asked) return;
      if (!answer.ok) throw new Error(told.error ? `${told.error.what}${told.error.where && told.error.do ? ` (${told.error.do})` : ""}` : answer.statusText);
      this.note.hidden = true;
      this.show(told);
    } catch (error) {
      if (!this.abort.signal.aborted && this.asked === asked) this.fail(String(error?.message ?? error));
    }
    toggle(this.root, "is-loading", false);
    toggle(this.go, "is-due", false);
    this.go.disabled = false;
  }

  fail(message, wrong = true) {
    this.note.hidden = false;
    toggle(this.note, "is-wrong", wrong);
    setText(this.note, message);
  }

  // ---- what came ----

  drop() {
    for (const side of ["a", "b"]) this.sides[side]?.dispose();
    Object.assign(this.sides, { a: null, b: null });
  }

  show(told) {
    this.told = told;
    this.drop();
    const bytes = async (url) => {
      const answer = await fetch(url, { credentials: "same-origin", signal: this.abort.signal });
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
      return answer.arrayBuffer();
    };
    for (const side of ["a", "b"]) {
      this.sides[side] = new Side(told[side], bytes, () => this.told && this.moved());
      this.choosers[side].tell(told[side]);
    }
    const numeric = told.signals.filter((row) => row.rms !== null);
    this.state.signals = this.state.signals.filter((id) => numeric.some((row) => row.signal === id));
    if (!this.state.signals.length) this.state.signals = numeric.slice(0, FIRST_SIGNALS).map((row) => row.signal);
    this.root.classList.add("has-answer");
    this.clock.at = this.state.at ?? told.start_s;
    this.clock.span(told.start_s, told.end_s);
    this.slider.min = String(told.start_s);
    this.slider.max = String(told.end_s);
    const rows = rowsOf(told.a.lanes, told.b.lanes, told.start_s, told.end_s);
    this.lanes.set(rows, told.start_s, told.end_s);
    setText(this.lanesSaid, t("compare.states_said", { n: rows.filter((row) => row.unequal > 0).length, all: rows.length }));
    this.kpis.replaceChildren(kpiTable(told.kpis));
    const { a, b, both } = told.counts;
    setText(this.eventsSaid, t("compare.events_said", { a: number(a), b: number(b), both: number(both) }));
    this.events.replaceChildren(eventList(told.events_only_a, told.events_only_b, (at) => this.clock.seek(at)));
    this.drawLag();
    this.drawSignals();
    this.drawMarks();
    this.showState();
    this.fetchTrends();
    this.look(this.state.near, true);
    this.moved();
  }

  /** What cross-correlation says of the whole: the middle lag of the signals that are surest of one. */
  drawLag() {
    const sure = this.told.signals.filter((row) => row.lag_ms !== null && row.confidence > 0.9 && row.relative > 0);
    const lags = sure.map((row) => row.lag_ms / 1000).sort((x, y) => x - y);
    const middle = lags[lags.length >> 1] ?? 0;
    this.lag_s = Number(((this.state.align.way === "offset" ? this.state.align.shift : 0) - middle).toFixed(3));
    const alike = lags.filter((one) => Math.abs(one - middle) < 0.5).length;
    this.byLag.hidden = this.state.align.way !== "offset" || Math.abs(middle) < 0.01 || alike < lags.length / 2;
    setText(this.byLag, t("compare.by_lag", { n: number(this.lag_s, 2) }));
  }

  drawSignals() {
    if (!this.told) return;
    const rows = chosenRows(this.told.signals, { all: this.all.checked, word: this.word.value });
    const differing = this.told.signals.filter((row) => row.relative > 0).length;
    setText(this.signalsSaid, t("compare.signals_said", { n: number(differing), all: number(this.told.signals.length) }));
    this.signals.replaceChildren(...signalTable(rows, { lang: this.lang, drawn: this.state.signals, choose: (id) => this.draw(id) }));
  }

  /** Into the trends with a signal, or out of them. */
  draw(id) {
    const { signals } = this.state;
    this.state.signals = signals.includes(id) ? signals.filter((one) => one !== id) : [...signals, id].slice(-MOST_SIGNALS);
    const focused = document.activeElement?.title;
    this.drawSignals();
    [...this.signals.querySelectorAll("tr[tabindex]")].find((row) => row.title === focused)?.focus();
    this.fetchTrends();
    this.writeUrl();
  }

  async fetchTrends() {
    const { told } = this;
    const { signals } = this.state;
    this.pens.replaceChildren(...signals.map((id) => el("button", { type: "button", class: "chip on", title: t("compare.take_out", { what: id }), onclick: () => this.draw(id) }, nameOf(id, this.lang), " ✕")));
    const asked = (this.trendAsked = {});
    if (!signals.length) {
      this.plot.set([], told.start_s, told.end_s);
      return;
    }
    const below = told.a.site !== told.b.site;
    const ask = async ({ fixed, site, origin_ms }) => {
      const query = new URLSearchParams({ of: fixed, site, origin_ms, below_site: below, from_ms: origin_ms + told.start_s * 1000, to_ms: origin_ms + told.end_s * 1000, max_points: POINTS });
      for (const id of signals) query.append("signal", id);
      return (await fetchJson(`/view/compare/trend?${query}`, this.abort.signal)).series;
    };
    try {
      const [a, b] = await Promise.all([ask(told.a), ask(told.b)]);
      if (this.trendAsked !== asked) return;
      this.plot.set(signals.map((id) => ({ id, unit: a[id]?.unit ?? b[id]?.unit ?? "", a: a[id], b: b[id] })), told.start_s, told.end_s);
      this.plot.at(this.clock.at);
    } catch (error) {
      if (!this.abort.signal.aborted && this.trendAsked === asked) this.fail(t("error.trend", { detail: String(error?.message ?? error) }));
    }
  }

  drawMarks() {
    if (!this.told) return;
    const { start_s, end_s } = this.told;
    const place = (side) => (one) => el("i", { class: `is-${side}`, style: `left:${(((one.t_s - start_s) / (end_s - start_s)) * 100).toFixed(2)}%` });
    this.marks.replaceChildren(...this.told.events_only_a.slice(0, 200).map(place("a")), ...this.told.events_only_b.slice(0, 200).map(place("b")));
  }

  // ---- the floor ----

  heard() {
    for (const side of ["a", "b"]) if (this.known) this.choosers[side].offer(this.known);
    this.offerAssets();
    this.view.build();
  }

  offerAssets() {
    const site = this.told?.a.site || this.state.site || this.choosers.a.site;
    const assets = assetsOf(live.directory, site || "*").filter((one) => one.streams.length || one.declared);
    const listed = (first) => [el("option", { value: "" }, first), ...assets.map((one) => el("option", { value: one.id }, shortName(one.id)))];
    this.asset.replaceChildren(...listed(t("compare.all_assets")));
    if (this.state.asset && !assets.some((one) => one.id === this.state.asset)) this.asset.append(el("option", { value: this.state.asset }, shortName(this.state.asset)));
    this.asset.value = this.state.asset;
    const moving = assets.filter((one) => ["robot_arm", "mobile_robot"].includes(one.type));
    this.near.replaceChildren(el("option", { value: "" }, t("compare.whole_floor")), ...moving.map((one) => el("option", { value: one.id }, shortName(one.id))));
    this.near.value = this.state.near;
  }

  /** One robot seen close, or the whole floor. */
  look(id, force = false) {
    const site = this.told?.a.site;
    const wanted = this.state.asset && !id && live.directory.assets.get(this.state.asset)?.type === "robot_arm" ? this.state.asset : id;
    if (!force && wanted === this.looked) return;
    this.looked = wanted;
    this.state.near = id;
    this.offerAssets();
    this.view.props = { ...this.view.props, site, assets: wanted ? [wanted] : [] };
    this.view.built = null;
    this.view.build();
    this.writeUrl();
  }

  /** How far B is from A: an arm's joints and tool, or where a mobile robot is. */
  drawJoints() {
    const apart = this.looked ? this.view.apart(this.looked) : null;
    this.joints.hidden = !apart;
    if (!apart) return;
    if (!this.jointRows) {
      this.jointRows = [0, 1, 2, 3, 4, 5].map((i) => {
        const fill = el("i");
        const value = el("span", { class: "num" });
        return { fill, value, node: el("li", null, el("b", null, `J${i + 1}`), el("i", { class: "cmp-bar" }, fill), value) };
      });
      this.jointList = el("div", null, el("h3", null, t("compare.joints")), el("ul", null, this.jointRows.map((row) => row.node)));
      this.apartOf = el("span");
      this.apartBy = el("b");
      this.joints.replaceChildren(this.jointList, el("p", null, this.apartOf, this.apartBy));
    }
    this.jointList.hidden = !apart.joints;
    this.jointRows.forEach(({ fill, value }, i) => {
      const joint = apart.joints?.[i] ?? null;
      setText(value, joint === null ? "–" : `${number(joint * DEG, 1)}°`);
      fill.style.width = `${joint === null ? 0 : Math.min(100, (Math.abs(joint) * DEG) / 0.9).toFixed(1)}%`;
    });
    setText(this.apartOf, t(apart.joints ? "compare.tool" : "compare.away"));
    setText(this.apartBy, apart.m === null ? "–" : apart.joints ? `${number(apart.m * 1000, 0)} mm` : `${number(apart.m, 2)} m`);
  }

  // ---- time ----

  fetchAhead() {
    const { clock } = this;
    for (const side of ["a", "b"]) this.sides[side]?.prefetch(clock.at, clock.speed, clock.playing, clock.end);
  }

  moved() {
    const { clock } = this;
    this.plot.at(clock.at);
    this.lanes.at(clock.at);
    this.showState();
    if (!this.told) return;
    const shown = ["a", "b"].map((side) => this.sides[side].show(clock.at));
    if (shown.some(Boolean)) {
      this.view.hear(clock.playing ? new Set(this.view.byKey?.keys() ?? []) : null);
      this.view.paint();
    }
    const failed = this.sides.a.failed ?? this.sides.b.failed;
    setText(this.wait, failed ? t("compare.wait_failed", { detail: failed }) : shown.every(Boolean) ? "" : t("compare.wait"));
    this.state.at = clock.at;
    this.state.speed = clock.speed;
    this.writeUrl();
  }

  showState() {
    const { clock } = this;
    setText(this.said, `${number(clock.at, 1)} s / ${number(clock.end, 1)} s`);
    setText(this.playButton, clock.playing ? "❚❚" : "▶");
    this.playButton.setAttribute("aria-label", t(clock.playing ? "compare.pause" : "compare.play"));
    this.playButton.disabled = this.csv.disabled = !this.told;
    if (document.activeElement !== this.slider || clock.playing) this.slider.value = String(clock.at);
    this.slider.setAttribute("aria-valuetext", `${number(clock.at, 1)} s`);
    this.speed.value = String(clock.speed);
  }

  // ---- address ----

  writeUrl() {
    if (this.urlPlanned) return;
    this.urlPlanned = setTimeout(() => {
      this.urlPlanned = null;
      if (this.abort.signal.aborted) return;
      const url = this.address();
      if (url.href !== location.href) history.replaceState(history.state, "", url.pathname + readable(url.search) + url.hash);
    }, URL_EVERY_MS);
  }

  address() {
    const url = new URL(location.href);
    writeCompare(url.searchParams, { ...this.state, at: this.told ? this.clock.at : this.state.at, speed: this.clock.speed });
    return url;
  }

  async copyLink() {
    const url = this.address();
    // the present of this answer, not of the one who follows the link
    for (const side of ["a", "b"]) if (this.state[side] === "live" && this.told) url.searchParams.set(side, this.told[side].fixed);
    if (this.told && this.state.a !== this.told.a.fixed) url.searchParams.set("site", this.told.a.site);
    try {
      await navigator.clipboard.writeText(readable(url.href));
      setText(this.copy, t("replay.link_copied"));
    } catch {
      setText(this.copy, t("replay.link_not_copied"));
    }
    setTimeout(() => setText(this.copy, t("compare.copy")), 2000);
  }
}
