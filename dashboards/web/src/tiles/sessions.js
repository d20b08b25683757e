// Open pages: who looks at what, live or at which moment, and when a replay that nobody touches will end.
import { clock, fetchJson } from "../clock.js";
import { Core } from "../component.js";
import { el, setText } from "../dom.js";
import { age, date, number, shortName, span, time } from "../format.js";
import { live } from "../live.js";
import { speedText } from "../playback.js";
import { remove } from "../send.js";
import { pageOf } from "../session/told.js";
import { t } from "../words.js";

const EVERY_MS = 2000;
const URL = "/api/v1/sessions";
const HEADS = ["who", "page", "site", "moment", "speed", "since", "idle", "ends", "act"];
const NUMERIC = new Set(["speed", "since", "idle", "ends"]);

export class SessionsView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-sessions");
    this.until(() => root.classList.remove("ft-sessions"));
    this.count = el("small");
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.body = el("tbody");
    const head = el("thead", null, el("tr", null, HEADS.map((name) => el("th", { class: NUMERIC.has(name) ? "num" : "", scope: "col" }, name === "act" ? "" : t(name === "ends" ? "session.ends_in" : `session.${name}`)))));
    root.replaceChildren(el("section", { class: "card" }, el("header", { class: "card-h" }, el("h2", null, t("session.title")), this.count, el("span", { class: "r" }, t("session.note"))), this.note, el("div", { class: "card-b flush ft-scroll" }, el("table", { class: "tbl" }, head, this.body))));
    this.abort = new AbortController();
    this.until(() => this.abort.abort());
    const timer = setInterval(() => this.ask(), EVERY_MS);
    this.until(() => clearInterval(timer));
    this.ask();
  }

  /** Who looks now, whatever moment this page stands at: there is no past of it. */
  async ask() {
    if (this.busy || document.hidden) return;
    this.busy = true;
    try {
      this.draw(await fetchJson(URL, this.abort.signal));
      this.note.hidden = true;
    } catch (error) {
      if (!this.abort.signal.aborted) this.fail(error);
    }
    this.busy = false;
  }

  fail(error) {
    this.note.hidden = false;
    setText(this.note, t("error.part", { what: t("session.title"), detail: String(error?.message ?? error), at: time(clock.now(), this.zone) }));
  }

  draw(rows) {
    const past = rows.filter((row) => row.mode === "replay").length;
    setText(this.count, t("session.count", { n: number(rows.length), replays: number(past) }));
    this.body.replaceChildren(...rows.map((row) => this.row(row)));
  }

  row(row) {
    const now = live.now();
    const [page, what] = pageOf(row.page || "/");
    const zone = live.directory.sites.get(row.site)?.timezone ?? this.zone;
    const moment = row.mode === "live" ? el("span", { class: "ft-ses-live" }, t("mode.live")) : el("span", { class: "ft-ses-past" }, `${t("mode.replay")} ${date(row.at_ms, zone)} ${time(row.at_ms, zone)}`);
    const end = row.mode === "replay" ? el("button", { type: "button", class: "btn s", title: t("session.end_title"), onclick: (event) => this.end(row.id, event.target) }, t("session.end")) : null;
    const cells = [
      [el("b", null, row.who), row.own ? el("small", null, ` ${t("session.own")}`) : null],
      [row.page ? t(`session.page_${page}`, {}, page) : "–", what ? el("small", null, ` ${shortName(what)}`) : null],
      [row.site === "*" ? t("session.every_site") : live.directory.sites.get(row.site)?.name[this.lang] ?? row.site],
      [moment],
      [row.mode === "live" ? "–" : row.playing ? speedText(row.speed) : t("session.paused")],
      [age(now - row.since_ms)],
      [span(Math.round(row.idle_s))],
      [row.ends_ms === null ? "–" : span(Math.max(0, Math.round((row.ends_ms - now) / 1000)))],
      [end],
    ];
    return el("tr", null, cells.map((parts, i) => el("td", { class: NUMERIC.has(HEADS[i]) ? "num" : "" }, parts)));
  }

  async end(id, button) {
    button.disabled = true;
    try {
      await remove(`${URL}/${id}`);
    } catch (error) {
      this.fail(error);
    }
    this.ask();
  }
}
