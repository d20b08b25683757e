// The line as a picture: stations in the order of the flow, what each does, how full the buffers between them are.
import { el, setStyle, setText, toggle } from "../dom.js";
import { age, number, shortName } from "../format.js";
import { live } from "../live.js";
import { assetHref, closeHref, follow } from "../navigate.js";
import { present } from "../present.js";
import { clock } from "../clock.js";
import { look, setMark } from "../states.js";
import { stateWord, t } from "../words.js";
import { inBuffers, isEmpty, isFull, neighbours, waitSide } from "./flow.js";

export class Synoptic {
  constructor(flow) {
    this.flow = flow;
    this.around = neighbours(flow);
    this.stations = [];
    this.gaps = [];
    this.belts = [];
    this.cycles = new Map();
    this.node = el("div", { class: "ft-flow", role: "list", "aria-label": t("line.synoptic") });
    const infeed = el("div", { class: "ft-end" }, el("b", null, t("line.infeed")), flow.infeed.map((id) => this.belt(id)));
    this.node.append(infeed);
    flow.steps.forEach((step, i) => this.node.append(this.step(step, i === flow.steps.length - 1)));
    this.node.append(el("div", { class: "ft-end is-out" }, el("b", null, t("line.outfeed"))));
  }

  step(step, last) {
    const cards = step.stations.map((id) => this.station(id, false));
    const tenders = step.tenders.map((id) => this.station(id, true));
    const gap = step.buffers.length || step.conveyors.length || !last ? el("div", { class: "ft-gap" }, step.buffers.map((id) => this.buffer(id)), step.conveyors.map((id) => this.belt(id))) : null;
    return el("div", { class: `ft-step${step.stations.length > 1 ? " is-wide" : ""}`, role: "listitem" }, el("div", { class: "ft-stns" }, cards), tenders.length ? el("div", { class: "ft-tenders" }, tenders) : null, gap);
  }

  station(id, tends) {
    const asset = live.directory.assets.get(id) ?? { id, type: "", roles: new Map(), streams: [] };
    const one = { id, asset, tends, mark: el("span", { class: "ft-m" }), word: el("span"), doing: el("small"), fill: el("i", { class: "fill" }), standard: el("i", { class: "std" }), takt: el("i", { class: "lim" }), cycle: el("small"), flag: el("span", { class: "ft-neck", hidden: true }) };
    one.bar = el("div", { class: "abar s", "aria-hidden": "true" }, one.fill, one.standard, one.takt);
    one.node = el(
      "a",
      { class: `ft-stn${tends ? " is-tender" : ""}`, href: closeHref(asset), onclick: follow, title: id },
      one.flag,
      el("b", null, shortName(id)),
      el("span", { class: "ft-stn-s" }, one.mark, one.word),
      one.doing,
      tends ? null : one.bar,
      tends ? null : one.cycle,
    );
    this.stations.push(one);
    return one.node;
  }

  buffer(id) {
    const one = { id, fill: el("i"), text: el("b"), of: el("small"), word: el("small", { class: "ft-gap-w" }) };
    one.node = el("a", { class: "ft-buf", href: assetHref(id), onclick: follow, title: id }, el("small", null, shortName(id)), el("span", { class: "ft-buf-b", "aria-hidden": "true" }, one.fill), el("span", null, one.text, one.of), one.word);
    this.gaps.push(one);
    return one.node;
  }

  belt(id) {
    const one = { id, mark: el("span", { class: "ft-m" }) };
    one.node = el("a", { class: "ft-belt", href: assetHref(id), onclick: follow, title: id }, one.mark, el("small", null, shortName(id)));
    this.belts.push(one);
    return one.node;
  }

  /** Lead each station to where it is looked at: what it is may have become known only now. */
  aim() {
    for (const one of this.stations) one.node.setAttribute("href", closeHref(live.directory.assets.get(one.id) ?? one.asset));
  }

  /** How full a buffer is now; undefined where it is not known, or too old to be believed. */
  fillOf(id) {
    const asset = live.directory.assets.get(id);
    const level = asset?.roles.get("level#0");
    if (!level || present.isStale(level.stream, present.entry(level.stream.key))) return { level: undefined, capacity: undefined };
    const declared = asset.attributes?.capacity;
    return { level: present.value(level), capacity: present.value(asset.roles.get("capacity#0")) ?? (typeof declared === "number" ? declared : undefined) };
  }

  /** blocked, starved or another look of what a station does now. */
  lookOf(asset, state) {
    const one = state === null ? "none" : look(state);
    if (one !== "wait") return one;
    const { before, behind } = this.around.get(asset.id) ?? { before: [], behind: [] };
    const side = waitSide(before.map((id) => this.fillOf(id)), behind.map((id) => this.fillOf(id)));
    return side === "blocked" ? "blocked" : "wait";
  }

  wordOf(asset, state) {
    if (state === null) return t("state.none");
    if (look(state) !== "wait") return stateWord(state);
    const { before, behind } = this.around.get(asset.id) ?? { before: [], behind: [] };
    const side = waitSide(before.map((id) => this.fillOf(id)), behind.map((id) => this.fillOf(id)));
    return side ? t(`line.${side}`) : stateWord(state);
  }

  hearCycles(rows) {
    this.cycles = new Map(rows.map((row) => [row.asset, row]));
    this.draw();
  }

  /** Mark the line's bottleneck, and the momentary one where that is another. */
  hearBottleneck(found) {
    for (const one of this.stations) {
      const is = found?.asset === one.id;
      const now = found?.now === one.id;
      one.flag.hidden = !is && !now;
      toggle(one.node, "is-neck", is);
      toggle(one.flag, "is-now", !is && now);
      setText(one.flag, is ? t("line.bottleneck_share", { n: number(found.share * 100) }) : now ? t("line.bottleneck_now") : "");
    }
  }

  draw() {
    for (const one of this.stations) this.drawStation(one);
    for (const one of this.gaps) {
      const fill = this.fillOf(one.id);
      const share = fill.level !== undefined && fill.capacity > 0 ? Math.min(1, Math.max(0, fill.level / fill.capacity)) : 0;
      setStyle(one.fill, "height", `${(share * 100).toFixed(1)}%`);
      setText(one.text, fill.level === undefined ? "–" : number(fill.level));
      setText(one.of, fill.capacity ? `/${number(fill.capacity)}` : "");
      setText(one.word, isFull(fill) ? t("line.full") : isEmpty(fill) ? t("line.empty") : fill.level === undefined ? t("quality.stale") : "");
      toggle(one.node, "is-full", isFull(fill));
      toggle(one.node, "is-stale", fill.level === undefined);
    }
    for (const one of this.belts) {
      const asset = live.directory.assets.get(one.id);
      const state = asset ? present.stateOf(asset) : "lost";
      setMark(one.mark, state === null ? "none" : look(state), state === null ? null : stateWord(state));
      one.node.title = `${one.id} · ${state === null ? t("state.none") : stateWord(state)}`;
    }
  }

  drawStation(one) {
    const asset = (one.asset = live.directory.assets.get(one.id) ?? one.asset);
    const state = present.stateOf(asset);
    const shown = this.lookOf(asset, state);
    one.node.dataset.look = shown;
    setMark(one.mark, shown, null);
    setText(one.word, this.wordOf(asset, state));
    const program = asset.roles.get("program#0");
    const step = program ? present.value(program) : undefined;
    const newest = present.newest(asset);
    setText(one.doing, shown === "lost" ? (newest ? age(present.age(newest)) : t("age.never")) : step === undefined ? "" : t(`step.${step}`, {}, step));
    if (one.tends) return;
    const row = this.cycles.get(one.id);
    const whole = row?.takt_s ?? row?.median_s;
    const running = shown === "run" && row?.ended_ms;
    const passed = running ? (clock.now() - row.ended_ms) / 1000 : NaN;
    // a cycle that lasts longer than two others is not one: the last end was missed
    const known = running && whole && passed >= 0 && passed < whole * 2;
    setStyle(one.fill, "width", known ? `${Math.min(100, (passed / (whole * 1.15)) * 100).toFixed(1)}%` : "0%");
    for (const [tick, at] of [[one.takt, row?.takt_s], [one.standard, row?.standard_s]]) {
      tick.hidden = !at || !whole;
      if (at && whole) setStyle(tick, "left", `${Math.min(100, (at / (whole * 1.15)) * 100).toFixed(1)}%`);
    }
    toggle(one.bar, "is-over", known && row.takt_s && passed > row.takt_s);
    setText(one.cycle, known ? `${number(passed)} / ${number(whole, 1)} s` : row?.last_s ? t("line.last_cycle", { s: number(row.last_s, 1) }) : "");
  }

  /** Work in progress between the stations. */
  wip() {
    return inBuffers(this.gaps.map((one) => this.fillOf(one.id)));
  }
}
