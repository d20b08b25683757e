// A site's assets as a list: state, key value with its bar, age. It is also the keyboard's way to what the floor shows.
import { setAssetAlarm } from "../alarms/marks.js";
import { alarms } from "../alarms/model.js";
import { Bar } from "../bar.js";
import { Core } from "../component.js";
import { assetsOf, keySignal, named } from "../directory.js";
import { el, setText, toggle } from "../dom.js";
import { age, besideId, shortName, shownAs, time, value } from "../format.js";
import { live } from "../live.js";
import { assetHref, go } from "../navigate.js";
import { present } from "../present.js";
import { look, setMark } from "../states.js";
import { stateWord, t } from "../words.js";

const RECENT_MS = 6000;
/** Rows drawn at once though nobody has seen them yet, and how many of those out of sight are drawn a second. */
const FIRST_ROWS = 40;
const UNSEEN_ROWS = 20;
/** Rows of a long list made at a time, once the first ones stand. */
const ROWS_AT_ONCE = 120;

export class AssetsView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-assets");
    this.until(() => root.classList.remove("ft-assets"));
    this.until(live.on("directory", () => this.build()));
    this.until(present.onChange((changed) => this.draw(changed)));
    this.until(present.onTick(() => this.tick()));
    this.until(alarms.on(() => this.draw(null)));
    this.seeing = new IntersectionObserver((entries) => this.see(entries), { rootMargin: "200px" });
    this.until(() => this.seeing.disconnect());
    this.until(() => clearTimeout(this.making));
    this.build();
  }

  build() {
    const directory = live.directory;
    const only = this.props.assets?.length ? new Set(this.props.assets) : null;
    this.rows = [];
    this.byKey = new Map();
    this.byNode = new Map();
    this.seeing.disconnect();
    const groups = new Map();
    for (const asset of assetsOf(directory, this.props.site)) {
      if (only && !only.has(asset.id)) continue;
      const place = asset.place || asset.site;
      if (!groups.has(place)) groups.set(place, []);
      groups.get(place).push(asset);
    }
    this.list = el("div", { class: "ft-list", role: "listbox", "aria-label": t("assets.title"), onkeydown: (event) => this.key(event) });
    this.left = [];
    for (const [place, assets] of groups) {
      const site = directory.sites.get(assets[0].site);
      const known = site?.places.find((one) => one.id === place);
      const head = el("div", { class: "ft-group", role: "presentation" }, el("span", null, this.placeName(site, known, place, assets, directory)), el("small", null, String(assets.length)));
      this.left.push(() => this.list.append(head), ...assets.map((asset) => () => this.list.append(this.row(asset, directory))));
    }
    if (!this.left.length) this.list.append(el("p", { class: "ft-empty" }, directory.empty ? t("wait.directory") : t("assets.none")));
    this.root.replaceChildren(this.list);
    clearTimeout(this.making);
    this.make(FIRST_ROWS);
  }

  /** The next rows of the list; the others follow when the page has had its turn. */
  make(most) {
    const before = this.rows.length;
    for (const one of this.left.splice(0, most)) one();
    const made = this.rows.slice(before);
    if (!before) made.forEach((row) => (row.seen = true));
    this.update(this.props);
    for (const row of made) {
      if (row.seen) this.drawRow(row);
      else row.behind = true;
      this.seeing.observe(row.node);
    }
    if (this.left.length) this.making = setTimeout(() => this.make(ROWS_AT_ONCE));
  }

  /** A place's name; one that the site does not declare is called by what stands there. */
  placeName(site, known, place, assets, directory) {
    if (known) return named(known, this.lang);
    if (site && place === site.id) return named(site, this.lang);
    const types = new Set(assets.map((asset) => asset.type));
    return (types.size === 1 && directory.types[assets[0].type]?.[this.lang]) || shortName(place);
  }

  row(asset, directory) {
    const signal = keySignal(asset);
    const top = asset.roles.get("capacity#0") ?? null;
    const column = signal?.column;
    const bar = signal && (top || Bar.possible(column.low, column.high)) ? new Bar(column.low, column.high, top ? 1 : null) : null;
    const type = directory.types[asset.type];
    const row = {
      asset,
      signal,
      top,
      bar,
      mark: el("span", { class: "ft-m" }),
      alarm: el("i", { class: "ft-row-alarm" }),
      state: el("span"),
      value: el("b"),
      unit: el("small", { class: "unit" }),
      age: el("span", { class: "age" }),
    };
    row.node = el(
      "div",
      { class: "ft-row", role: "option", tabindex: "-1", "data-id": asset.id, title: asset.id },
      row.mark,
      el("span", { class: "ft-name" }, el("b", null, shortName(asset.id), row.alarm), el("small", null, besideId(named(asset, this.lang), shortName(asset.id)) || (type?.[this.lang] ?? asset.type))),
      el("span", { class: "ft-state" }, row.state, row.age),
      el("span", { class: "ft-barcell" }, bar?.node ?? null),
      el("span", { class: "ft-value" }, row.value, row.unit),
    );
    row.node.addEventListener("click", () => this.select(asset.id));
    row.node.addEventListener("dblclick", () => go(assetHref(asset.id)));
    this.rows.push(row);
    this.byNode.set(row.node, row);
    for (const stream of asset.streams) this.byKey.set(stream.key, row);
    return row.node;
  }

  select(id) {
    this.props = { ...this.props, selected: id };
    this.update(this.props);
    this.emit({ selected: id });
  }

  key(event) {
    const at = this.rows.findIndex((row) => row.node === event.target);
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move && at >= 0) {
      event.preventDefault();
      event.stopPropagation();
      this.rows[Math.min(this.rows.length - 1, Math.max(0, at + move))].node.focus();
    } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
      event.preventDefault();
      event.stopPropagation();
      this.select(this.rows[at].asset.id);
    }
  }

  update(props) {
    super.update(props);
    let focusable = false;
    for (const row of this.rows) {
      const on = row.asset.id === props.selected;
      toggle(row.node, "is-selected", on);
      row.node.setAttribute("aria-selected", on ? "true" : "false");
      row.node.tabIndex = on ? 0 : -1;
      focusable ||= on;
      if (on && this.shown !== props.selected) row.node.scrollIntoView({ block: "nearest" });
    }
    this.shown = props.selected;
    if (!focusable && this.rows.length) this.rows[0].node.tabIndex = 0;
  }

  /** A long list draws what is in sight; the rest follows when it comes into sight, and a few rows a second anyway. */
  draw(changed) {
    const rows = changed ? new Set([...changed].map((key) => this.byKey.get(key)).filter(Boolean)) : this.rows;
    for (const row of rows) {
      if (row.seen) this.drawRow(row);
      else row.behind = true;
    }
  }

  tick() {
    this.draw(null);
    const behind = this.rows.filter((row) => row.behind && !row.seen);
    this.turn = behind.length > UNSEEN_ROWS ? ((this.turn ?? 0) + UNSEEN_ROWS) % behind.length : 0;
    for (const row of behind.slice(this.turn, this.turn + UNSEEN_ROWS)) this.drawRow(row);
  }

  see(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.byNode.get(target);
      if (!row) continue;
      row.seen = isIntersecting;
      if (row.seen && row.behind) this.drawRow(row);
    }
  }

  drawRow(row) {
    const { asset, signal } = row;
    row.behind = false;
    const state = present.stateOf(asset);
    const one = state === null ? "none" : look(state);
    setMark(row.mark, one, state === null ? null : stateWord(state));
    setText(row.state, state === null ? "" : stateWord(state));
    row.node.dataset.look = one;
    setAssetAlarm(row.alarm, alarms.byAsset.get(asset.id));
    const gone = present.gone(asset);
    const newest = gone ?? present.newest(asset);
    const old = present.age(newest);
    const entry = signal && present.entry(signal.stream.key);
    const stale = signal ? present.isStale(signal.stream, entry) : one === "lost";
    row.age.title = gone ? t("age.gone", { at: time(gone.t, this.zone, true) }) : "";
    toggle(row.node, "is-stale", stale);
    const raw = signal ? present.value(signal) : undefined;
    setText(row.value, signal ? value(signal.column, raw ?? NaN) : "");
    setText(row.unit, signal ? shownAs(signal.column).symbol : "");
    if (row.top) {
      const capacity = present.value(row.top);
      if (capacity > 0) row.bar.set(null, null, capacity);
      if (capacity > 0) setText(row.unit, `/ ${value(row.top.column, capacity)}`);
    }
    row.bar?.draw(stale && raw === undefined ? undefined : raw);
    setText(row.age, !newest ? t("age.never") : old < RECENT_MS && !stale ? "" : age(old));
    row.age.hidden = Boolean(newest) && !stale && old < RECENT_MS;
    toggle(row.age, "is-stale", stale);
  }
}
