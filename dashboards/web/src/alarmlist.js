// The Alarms page: tabs, filters, the list (live, or as it was), the journal, and one alarm in full beside it.
import { Detail } from "./alarms/detail.js";
import { chosen, NOTHING, ON_TAB, TABS } from "./alarms/filter.js";
import { Journal } from "./alarms/journal.js";
import { setPriority } from "./alarms/marks.js";
import { alarms, counted, PRIORITIES } from "./alarms/model.js";
import { alarmName, areaId, areaOf, assetName, inLanguage, letterWord, valueOf } from "./alarms/say.js";
import { Scroller } from "./alarms/scroller.js";
import { clock } from "./clock.js";
import { Core } from "./component.js";
import { named } from "./directory.js";
import { el, setText, toggle } from "./dom.js";
import { duration, number, time } from "./format.js";
import { live } from "./live.js";
import { basedUrl } from "./playback.js";
import { t } from "./words.js";

const HEADS = [["", "mark"], ["time", "time"], ["", "since"], ["asset", "area"], ["asset", "asset"], ["", "name"], ["", "value"], ["", "limit"], ["", "state"], ["", "action"], ["", "ack"]];

export class AlarmListCore extends Core {
  static rebuildOn = ["site", "lang", "timezone", "words"];

  constructor(root, props, emit) {
    super(root, props, emit);
    alarms.rights = props.may ?? {};
    const asked = new URLSearchParams(location.search);
    this.filter = { ...NOTHING, site: props.site || "*", priorities: [], text: "" };
    this.tab = TABS.includes(asked.get("tab")) ? asked.get("tab") : "active";
    this.marked = new Set();
    this.chosenId = asked.get("alarm");
    this.rows = [];
    this.build();
    this.detail = new Detail(this, this.detailNode);
    this.journal = new Journal(this, this.journalNode);
    this.until(() => this.detail.dispose());
    this.until(() => this.journal.dispose());
    this.until(() => this.scroller.dispose());
    this.until(alarms.on(() => this.draw()));
    this.until(live.on("directory", () => this.drawAreas()));
    let mode = clock.mode;
    this.until(clock.subscribe(() => mode !== clock.mode && ((mode = clock.mode), this.draw())));
    const timer = setInterval(() => (this.tab === "journal" ? this.journal.scroller : this.scroller).show(), 1000);
    this.until(() => clearInterval(timer));
    const key = (event) => this.key(event);
    document.addEventListener("keydown", key);
    this.until(() => document.removeEventListener("keydown", key));
    const moved = () => this.follow();
    window.addEventListener("_dashprivate_pushstate", moved);
    this.until(() => window.removeEventListener("_dashprivate_pushstate", moved));
    this.choose(this.tab);
  }

  build() {
    this.tabs = new Map(TABS.map((tab) => [tab, { n: el("small") }]));
    for (const [tab, one] of this.tabs) one.node = el("button", { type: "button", role: "tab", onclick: () => this.choose(tab) }, t(`alarm.tab_${tab}`), one.n);
    this.sites = el("span", { class: "ft-chips", role: "group", "aria-label": t("alarm.site"), hidden: true });
    this.priorities = el("span", { class: "ft-chips", role: "group", "aria-label": t("alarm.priority") });
    this.chips = new Map(PRIORITIES.map((priority) => [priority, { mark: el("i"), n: el("span") }]));
    for (const [priority, chip] of this.chips) {
      chip.node = el("button", { type: "button", class: "chip", title: t(`priority.${priority}`), onclick: () => this.flip(priority) }, chip.mark, chip.n);
      this.priorities.append(chip.node);
    }
    this.area = el("select", { class: "ft-in opt", "aria-label": t("alarm.area"), onchange: () => this.set({ area: this.area.value }) });
    this.search = el("input", { class: "ft-in", type: "search", placeholder: t("alarm.search"), "aria-label": t("alarm.search"), oninput: () => this.set({ text: this.search.value }) });
    this.ackAll = el("button", { class: "btn", type: "button", onclick: () => this.acknowledgeMarked() });
    this.csv = el("a", { class: "btn opt", hidden: !this.props.may_export }, "CSV");
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.heads = el("div", { class: "ft-al-row ft-al-head" }, HEADS.map(([sort, name]) => this.head(sort, name)));
    this.scroller = new Scroller(
      (row) => this.make(row),
      (node, row) => this.drawRow(node, row),
      (row) => row.id,
      { role: "listbox", "aria-multiselectable": "true", "aria-label": t("alarm.list"), tabindex: "-1" },
    );
    this.empty = el("div", { class: "pg-nothing", hidden: true }, (this.emptyText = el("p")), (this.emptyHint = el("p", { class: "mute" })));
    this.listNode = el("div", { class: "ft-al-list" }, this.heads, this.scroller.node, this.empty);
    this.journalNode = el("div", { class: "ft-al-journal", hidden: true });
    this.detailNode = el("aside", { class: "card ft-al-detail", "aria-label": t("alarm.detail") });
    this.root.replaceChildren(
      el(
        "section",
        { class: "card ft-al" },
        el("div", { class: "ft-al-tabs", role: "tablist" }, [...this.tabs.values()].map((one) => one.node)),
        el("div", { class: "ft-al-filter" }, this.sites, this.priorities, this.area, this.search, el("span", { class: "r" }, this.csv, this.ackAll)),
        this.note,
        this.listNode,
        this.journalNode,
      ),
      this.detailNode,
    );
    this.drawAreas();
  }

  head(sort, name) {
    const text = name === "mark" || name === "ack" ? "" : t(`alarm.${name}`);
    const cell = (attributes, ...inside) => el("span", { class: `c-${name}`, ...attributes }, ...inside);
    if (!sort) return cell(null, text);
    return cell(null, el("button", { type: "button", "data-sort": sort === "asset" && name === "area" ? "asset" : sort, onclick: () => this.sort(sort) }, text));
  }

  sort(name) {
    const same = this.filter.sort === name;
    this.set(same && this.filter.down ? { sort: "urgency", down: false } : { sort: name, down: same });
  }

  set(change) {
    this.filter = { ...this.filter, ...change };
    this.draw();
    this.journal.ask();
  }

  flip(priority) {
    const { priorities } = this.filter;
    this.set({ priorities: priorities.includes(priority) ? priorities.filter((one) => one !== priority) : [...priorities, priority] });
  }

  choose(tab) {
    this.tab = tab;
    this.marked.clear();
    for (const [name, one] of this.tabs) {
      toggle(one.node, "on", name === tab);
      one.node.setAttribute("aria-selected", name === tab ? "true" : "false");
    }
    this.listNode.hidden = tab === "journal";
    this.journalNode.hidden = tab !== "journal";
    this.journal.show(tab === "journal");
    this.draw();
  }

  /** The address may name an alarm: the banner's links do. */
  follow() {
    const asked = new URLSearchParams(location.search).get("alarm");
    if (!location.pathname.startsWith("/alarms") || !asked || asked === this.chosenId) return;
    this.chosenId = asked;
    if (this.tab !== "active") this.choose("active");
    this.draw();
    const at = this.rows.findIndex((row) => row.id === asked);
    if (at >= 0) this.scroller.reveal(at);
  }

  drawAreas() {
    const sites = [...live.directory.sites.values()];
    this.sites.hidden = sites.length < 2;
    const key = JSON.stringify(sites.map((site) => site.id));
    if (this.sitesKey !== key) {
      this.sitesKey = key;
      const chip = (id, text) => el("button", { type: "button", class: "chip", "data-site": id, onclick: () => this.set({ site: id, area: "" }) }, text);
      this.sites.replaceChildren(chip("*", t("alarm.every_site")), ...sites.map((site) => chip(site.id, named(site, this.lang))));
      for (const one of this.sites.children) toggle(one, "on", one.dataset.site === this.filter.site);
    }
    const places = sites.filter((site) => this.filter.site === "*" || site.id === this.filter.site).flatMap((site) => (site.places ?? []).map((place) => ({ id: place.id, text: sites.length > 1 ? `${named(site, this.lang)} ${named(place, this.lang)}` : named(place, this.lang) })));
    const used = new Set(alarms.list.map((row) => areaId(row.asset)));
    const listed = places.filter((place) => used.has(place.id) || place.id === this.filter.area);
    const areasKey = JSON.stringify(listed);
    if (this.areasKey === areasKey) return;
    this.areasKey = areasKey;
    this.area.replaceChildren(el("option", { value: "" }, t("alarm.every_area")), ...listed.map((place) => el("option", { value: place.id }, place.text)));
    this.area.value = this.filter.area;
  }

  draw() {
    const { lang, filter } = this;
    const all = alarms.list;
    const here = all.filter((row) => filter.site === "*" || row.site === filter.site);
    for (const [tab, one] of this.tabs) if (ON_TAB[tab]) setText(one.n, number(here.filter(ON_TAB[tab]).length));
    for (const [priority, count] of counted(here)) {
      const chip = this.chips.get(priority);
      setPriority(chip.mark, priority, count.waits > 0);
      setText(chip.n, number(count.n));
      toggle(chip.node, "on", filter.priorities.includes(priority));
      chip.node.setAttribute("aria-pressed", filter.priorities.includes(priority) ? "true" : "false");
    }
    for (const chip of this.sites.children) toggle(chip, "on", chip.dataset.site === filter.site);
    for (const button of this.heads.querySelectorAll("button")) button.dataset.order = filter.sort === button.dataset.sort ? (filter.down ? "down" : "up") : "";
    this.drawAreas();
    if (ON_TAB[this.tab]) {
      this.rows = chosen(all, this.tab, filter, lang);
      if (this.chosenId === null && this.rows.length) this.chosenId = this.rows[0].id;
      const known = new Set(this.rows.map((row) => row.id));
      for (const id of this.marked) if (!known.has(id)) this.marked.delete(id);
      this.scroller.set(this.rows);
      this.drawEmpty(here.length);
    }
    const csv = new URLSearchParams({ site: filter.site, lang });
    if (clock.replaying) csv.set("as_of", String(Math.round(clock.at_ms)));
    this.csv.href = basedUrl(this.tab === "journal" ? this.journal.csv(csv) : `/api/v1/alarms/active.csv?${csv}`, clock.base);
    this.drawMarked();
    this.detail.draw(alarms.rows.get(this.chosenId) ?? null, this.chosenId);
  }

  drawEmpty(any) {
    this.empty.hidden = this.rows.length > 0;
    if (this.rows.length) return;
    const filtered = any > 0 && this.tab === "active" && (this.filter.text || this.filter.area || this.filter.priorities.length);
    setText(this.emptyText, !alarms.ready ? t(alarms.failed ? "banner.failed" : "banner.wait") : filtered ? t("alarm.none_matches") : t(`alarm.none_${this.tab}`));
    setText(this.emptyHint, alarms.ready && filtered ? t("alarm.clear_filter") : "");
  }

  make(row) {
    const cells = {};
    for (const [, name] of HEADS) cells[name] = el("span", { class: `c-${name}` });
    cells.icon = el("i");
    cells.mark.append(cells.icon);
    cells.button = el("button", { class: "btn s", type: "button", tabindex: "-1" }, t("alarm.acknowledge"));
    cells.button.addEventListener("click", (event) => {
      event.stopPropagation();
      this.act("acknowledge", [alarms.rows.get(row.id)].filter(Boolean));
    });
    cells.ack.append(cells.button);
    const node = el("div", { class: "ft-al-row", role: "option", tabindex: "-1", "data-id": row.id }, HEADS.map(([, name]) => cells[name]));
    node.cells = cells;
    node.addEventListener("click", (event) => this.pick(row.id, event));
    node.addEventListener("keydown", (event) => this.move(row.id, event));
    return node;
  }

  drawRow(node, row) {
    const { cells } = node;
    const zone = live.directory.sites.get(row.site)?.timezone ?? this.zone;
    setPriority(cells.icon, row.priority, row.waits);
    setText(cells.time, time(row.raised_ms, zone));
    setText(cells.since, row.raised_ms ? duration(clock.now() - row.raised_ms) : "–");
    setText(cells.area, areaOf(row.asset, this.lang));
    setText(cells.asset, assetName(row));
    setText(cells.name, row.count > 1 ? `${alarmName(row, this.lang)} ×${row.count}` : alarmName(row, this.lang));
    const value = valueOf(row);
    const limit = valueOf(row, row.limit);
    setText(cells.value, `${value.text}${value.unit ? ` ${value.unit}` : ""}`);
    setText(cells.limit, row.limit === null ? "" : limit.text);
    const until = row.letter === "G" && row.shelved_until_ms ? ` ~${time(row.shelved_until_ms, zone).slice(0, 5)}` : "";
    setText(cells.state, `${letterWord(row.letter)}${until}`);
    setText(cells.action, inLanguage(row.action, this.lang));
    cells.action.title = inLanguage(row.action, this.lang);
    cells.name.title = cells.name.textContent;
    const pending = alarms.isPending(row);
    const may = alarms.may("acknowledge", row);
    cells.button.hidden = !row.waits;
    cells.button.disabled = !may;
    setText(cells.button, t(pending ? "alarm.pending" : "alarm.acknowledge"));
    cells.button.title = clock.replaying ? t("alarm.not_in_the_past") : "";
    toggle(node, "is-waiting", row.waits);
    toggle(node, "is-over", !row.raised);
    toggle(node, "is-marked", this.marked.has(row.id));
    toggle(node, "is-selected", row.id === this.chosenId);
    node.setAttribute("aria-selected", row.id === this.chosenId || this.marked.has(row.id) ? "true" : "false");
    node.tabIndex = row.id === this.chosenId ? 0 : -1;
  }

  pick(id, event) {
    if (event.ctrlKey || event.metaKey) this.marked.has(id) ? this.marked.delete(id) : this.marked.add(id);
    else if (event.shiftKey && this.chosenId) {
      const [a, b] = [this.chosenId, id].map((one) => this.rows.findIndex((row) => row.id === one)).sort((x, y) => x - y);
      if (a >= 0) for (const row of this.rows.slice(a, b + 1)) this.marked.add(row.id);
    } else this.marked.clear();
    if (!event.shiftKey) this.chosenId = id;
    this.draw();
  }

  move(id, event) {
    const at = this.rows.findIndex((row) => row.id === id);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined && at >= 0) {
      event.preventDefault();
      event.stopPropagation();
      const next = Math.min(this.rows.length - 1, Math.max(0, at + step));
      if (event.shiftKey) for (const row of this.rows.slice(Math.min(at, next), Math.max(at, next) + 1)) this.marked.add(row.id);
      this.chosenId = this.rows[next].id;
      this.draw();
      this.scroller.focus(next);
    } else if (event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      this.marked.has(id) ? this.marked.delete(id) : this.marked.add(id);
      this.draw();
    } else if ((event.ctrlKey || event.metaKey) && event.key === "a") {
      event.preventDefault();
      for (const row of this.rows) this.marked.add(row.id);
      this.draw();
    }
  }

  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target?.closest?.("input, textarea, select, [contenteditable], dialog")) return;
    if (event.key === "k" || event.key === "K") {
      event.preventDefault();
      this.acknowledgeMarked();
    }
  }

  /** The marked rows, or the one that is looked at, as far as it may be done to them. */
  able(kind) {
    const rows = this.marked.size ? [...this.marked].map((id) => alarms.rows.get(id)) : [alarms.rows.get(this.chosenId)];
    return rows.filter((row) => row && alarms.may(kind, row));
  }

  acknowledgeMarked() {
    return this.act("acknowledge", this.able("acknowledge"), { why: this.detail.comment });
  }

  drawMarked() {
    const able = this.able("acknowledge").length;
    setText(this.ackAll, this.marked.size ? t("alarm.acknowledge_n", { n: able }) : t("alarm.acknowledge_this"));
    this.ackAll.disabled = !able;
    this.ackAll.title = clock.replaying ? t("alarm.not_in_the_past") : able ? "K" : t("alarm.nothing_to_acknowledge");
  }

  async act(kind, rows, how = {}) {
    if (!rows.length) return false;
    try {
      await alarms.act(kind, rows, how);
      this.marked.clear();
      this.say(null);
      this.detail.done();
      this.draw();
      return true;
    } catch (error) {
      this.say(t("alarm.not_done", { detail: error.message }));
      return false;
    }
  }

  say(text) {
    this.note.hidden = text === null;
    if (text !== null) setText(this.note, text);
  }

  update(props) {
    super.update(props);
    alarms.rights = props.may ?? {};
  }
}
