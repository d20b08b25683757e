// The journal: what happened to alarms over a time, newest first.
import { clock } from "../clock.js";
import { el, setText, toggle } from "../dom.js";
import { date, number, time } from "../format.js";
import { live } from "../live.js";
import { Poll } from "../poll.js";
import { t } from "../words.js";
import { matches } from "./filter.js";
import { setPriority } from "./marks.js";
import { alarmName, inLanguage, assetName, valueOf } from "./say.js";
import { Scroller } from "./scroller.js";

const SPANS_H = [1, 8, 24, 168];
const MOST = 5000;
const EVERY_MS = 5000;
const COLUMNS = ["time", "mark", "kind", "asset", "name", "value", "who", "why"];

export class Journal {
  constructor(page, root) {
    this.page = page;
    this.hours = 24;
    this.rows = [];
    this.answered = false;
    this.spans = el("span", { class: "seg", role: "group", "aria-label": t("alarm.span") }, SPANS_H.map((hours) => el("button", { type: "button", "data-h": hours, onclick: () => this.setHours(hours) }, hours > 48 ? t("span.days", { n: hours / 24 }) : t("span.hours", { n: hours }))));
    this.count = el("span", { class: "lab", role: "status" });
    this.scroller = new Scroller(
      () => this.make(),
      (node, row) => this.draw(node, row),
      (row) => `${row.t_ms}|${row.kind}|${row.alarm}|${row.place}`,
      { tabindex: "0", role: "list", "aria-label": t("alarm.tab_journal") },
    );
    this.empty = el("div", { class: "pg-nothing", hidden: true }, (this.emptyText = el("p")));
    root.replaceChildren(
      el("div", { class: "ft-al-filter ft-jn-filter" }, this.spans, this.count),
      el("div", { class: "ft-jn-row ft-al-head" }, COLUMNS.map((name) => el("span", { class: `c-${name}` }, name === "mark" ? "" : t(`alarm.${name === "time" ? "at" : name}`)))),
      this.scroller.node,
      this.empty,
    );
    this.setHours(this.hours);
  }

  setHours(hours) {
    this.hours = hours;
    for (const button of this.spans.children) toggle(button, "on", Number(button.dataset.h) === hours);
    this.ask();
  }

  query(moment) {
    const { filter } = this.page;
    const query = new URLSearchParams({ site: filter.site, span_s: String(this.hours * 3600), limit: String(MOST) });
    if (filter.area) query.set("asset", filter.area);
    if (moment !== null) query.set("as_of", String(Math.round(moment)));
    return query;
  }

  csv(query) {
    for (const [name, value] of this.query(clock.replaying ? clock.at_ms : null)) if (name !== "limit") query.set(name, value);
    return `/api/v1/alarms/journal.csv?${query}`;
  }

  show(on) {
    this.poll?.dispose();
    this.poll = null;
    if (!on) return;
    this.poll = new Poll(
      (moment) => `/api/v1/alarms/journal?${this.query(moment)}`,
      (answer) => this.hear(answer.journal),
      EVERY_MS,
      (message) => this.page.say(message === null ? null : t("error.answer", { what: t("alarm.tab_journal"), detail: message, at: new Date(clock.now()).toISOString().slice(11, 19) })),
    );
  }

  ask() {
    this.poll?.refresh();
    if (this.answered) this.hear(this.rows);
  }

  hear(rows) {
    this.rows = rows;
    this.answered = true;
    rows.forEach((row, i) => (row.place = rows.length - i));
    const shown = rows.filter((row) => matches(row, this.page.filter, this.page.lang));
    this.scroller.set(shown);
    this.empty.hidden = shown.length > 0;
    setText(this.emptyText, t("alarm.none_journal"));
    setText(this.count, rows.length >= MOST ? t("alarm.newest_of_more", { n: number(shown.length) }) : t("alarm.entries", { n: number(shown.length) }));
  }

  make() {
    const cells = {};
    for (const name of COLUMNS) cells[name] = el("span", { class: `c-${name}` });
    cells.icon = el("i");
    cells.mark.append(cells.icon);
    cells.seek = el("button", { type: "button", class: "pg-seek" });
    cells.time.append(cells.seek);
    const node = el("div", { class: "ft-jn-row", role: "listitem" }, COLUMNS.map((name) => cells[name]));
    node.cells = cells;
    return node;
  }

  draw(node, row) {
    const { cells } = node;
    const zone = live.directory.sites.get(row.site)?.timezone ?? this.page.zone;
    const { lang } = this.page;
    setText(cells.seek, `${date(row.t_ms, zone).slice(5, 10)} ${time(row.t_ms, zone)}`);
    cells.seek.onclick = () => clock.seek(row.t_ms);
    cells.seek.title = t("alarm.replay_from_here");
    setPriority(cells.icon, row.priority, row.kind === "AlarmRaised" || row.kind === "AlarmRepeated");
    setText(cells.kind, `${t(`journal.${row.kind}`, {}, row.kind)}${row.hidden ? ` · ${t("alarm.hidden")}` : ""}`);
    setText(cells.asset, assetName(row));
    setText(cells.name, row.alarm ? alarmName(row, lang) : t("alarm.in_ten_minutes", { n: row.count }));
    const value = valueOf(row);
    setText(cells.value, row.value === null ? "" : `${value.text}${value.unit ? ` ${value.unit}` : ""}`);
    setText(cells.who, row.who);
    const why = inLanguage(row.why_said, lang);
    setText(cells.why, why);
    cells.why.title = why;
    cells.name.title = row.alarm;
    node.onclick = (event) => {
      if (event.target.closest("button") || !row.alarm) return;
      this.page.chosenId = row.alarm;
      this.page.draw();
    };
  }

  dispose() {
    this.poll?.dispose();
    this.scroller.dispose();
  }
}
