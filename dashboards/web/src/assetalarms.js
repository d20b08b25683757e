// An asset's faceplate: the alarms that it has, and what its last ones were.
import { setPriority } from "./alarms/marks.js";
import { alarms, HIDDEN } from "./alarms/model.js";
import { alarmHref, alarmName, inLanguage, letterWord, valueOf } from "./alarms/say.js";
import { clock } from "./clock.js";
import { Core } from "./component.js";
import { el, setText } from "./dom.js";
import { date, duration, time } from "./format.js";
import { live } from "./live.js";
import { follow } from "./navigate.js";
import { Poll } from "./poll.js";
import { t } from "./words.js";

const EVERY_MS = 10_000;
const LAST = 6;
const BACK_S = 7 * 86_400;

export class AssetAlarmsCore extends Core {
  static rebuildOn = ["asset", "lang", "timezone", "words"];

  constructor(root, props, emit) {
    super(root, props, emit);
    this.list = el("ul", { class: "ft-aa" });
    this.last = el("ul", { class: "ft-ad-j" });
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    root.replaceChildren(this.note, this.list, el("span", { class: "lab" }, t("alarm.last_ones")), this.last);
    this.rows = new Map();
    this.until(alarms.on(() => this.draw()));
    this.until(
      live.on("directory", () => {
        this.draw();
        if (this.told) this.hear(this.told);
      }),
    );
    const timer = setInterval(() => this.draw(), 1000);
    this.until(() => clearInterval(timer));
    const poll = new Poll(
      (moment) => {
        const query = new URLSearchParams({ asset: this.props.asset, limit: String(LAST), span_s: String(BACK_S) });
        if (moment !== null) query.set("as_of", String(Math.round(moment)));
        return `/api/v1/alarms/journal?${query}`;
      },
      (answer) => this.hear(answer.journal),
      EVERY_MS,
      (message) => {
        this.note.hidden = message === null;
        if (message !== null) setText(this.note, t("error.answer", { what: t("alarm.last_ones"), detail: message, at: time(clock.now(), "UTC") }));
      },
      2000,
    );
    this.until(() => poll.dispose());
    this.draw();
  }

  draw() {
    const mine = alarms.list.filter((row) => row.asset === this.props.asset);
    const wanted = mine.map((row) => this.row(row));
    if (!wanted.length) this.nothing ??= el("li", { class: "mute" });
    if (!wanted.length) setText(this.nothing, t(alarms.ready ? "alarm.none_here" : alarms.failed ? "banner.failed" : "banner.wait"));
    const nodes = wanted.length ? wanted : [this.nothing];
    if (nodes.length !== this.list.children.length || nodes.some((node, i) => node !== this.list.children[i])) this.list.replaceChildren(...nodes);
    for (const id of this.rows.keys()) if (!mine.some((row) => row.id === id)) this.rows.delete(id);
  }

  row(row) {
    let found = this.rows.get(row.id);
    if (!found) {
      found = { mark: el("i"), name: el("b"), value: el("span"), state: el("small", { class: "mute" }), action: el("p") };
      found.node = el("li", null, found.mark, el("a", { href: alarmHref(row), onclick: follow }, found.name), found.value, found.state, found.action);
      this.rows.set(row.id, found);
    }
    setPriority(found.mark, row.priority, row.waits);
    setText(found.name, alarmName(row, this.lang));
    const value = valueOf(row);
    setText(found.value, typeof row.value === "number" ? `${value.text} ${value.unit}`.trim() : "");
    const since = row.raised_ms ? ` · ${duration(clock.now() - row.raised_ms)}` : "";
    setText(found.state, `${letterWord(row.letter)}${HIDDEN.has(row.letter) ? "" : since}`);
    setText(found.action, row.waits || row.raised ? inLanguage(row.action, this.lang) : "");
    return found.node;
  }

  hear(rows) {
    this.told = rows;
    const zone = this.zone;
    this.last.replaceChildren(
      ...(rows.length ? rows : [null]).map((row) => {
        if (!row) return el("li", { class: "ft-aa-none mute" }, t("alarm.none_last"));
        const mark = el("i");
        setPriority(mark, row.priority, row.kind === "AlarmRaised" || row.kind === "AlarmRepeated");
        const seek = el("button", { type: "button", class: "pg-seek", onclick: () => clock.seek(row.t_ms), title: `${date(row.t_ms, zone)} ${time(row.t_ms, zone)}` }, time(row.t_ms, zone));
        return el("li", null, mark, seek, el("span", null, alarmName(row, this.lang)), el("small", { class: "mute" }, [t(`journal.${row.kind}`, {}, row.kind), row.who].filter(Boolean).join(" · ")));
      }),
    );
  }
}
