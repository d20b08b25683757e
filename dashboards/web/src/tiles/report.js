// The shift report: what a shift made and lost, what is open, what its people say, and who signed it.
import { Core } from "../component.js";
import { el, setText } from "../dom.js";
import { date, minute, number, shortName, time } from "../format.js";
import { go, oeeHref, reportHref, follow } from "../navigate.js";
import { Poll } from "../poll.js";
import { post } from "../send.js";
import { t } from "../words.js";
import { inputsOf, whyText } from "./oee_shown.js";
import { titleOf } from "./oee_stops.js";
import { clock } from "../clock.js";

const EVERY_MS = 15000;
const REPLAY_MS = 3000;
const STOPS = 10;

/** The columns of the report's table: KPI, factor, decimals. */
const COLUMNS = [
  ["oee", 100, 1],
  ["availability", 100, 1],
  ["effectiveness", 100, 1],
  ["quality_ratio", 100, 1],
  ["first_pass_yield", 100, 1],
  ["throughput", 1, 1],
  ["mtbf", 1 / 60, 1],
  ["mttr", 1 / 60, 1],
  ["energy_per_part", 1, 2],
];
const UNITS = { throughput: "unit.parts_per_h", mtbf: "unit.min", mttr: "unit.min" };

export class ReportView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-report");
    this.until(() => root.classList.remove("ft-report"));
    this.build();
    this.asked = new Poll((asOf) => this.address(asOf), (answer) => this.hear(answer), EVERY_MS, (message) => this.fail(message), REPLAY_MS);
    this.until(() => this.asked.dispose());
  }

  address(asOf) {
    const asked = new URLSearchParams({ site: this.props.site });
    if (this.props.day) asked.set("day", this.props.day);
    if (this.props.shift) asked.set("shift", this.props.shift);
    if (asOf !== null) asked.set("as_of_ms", String(Math.round(asOf)));
    return `/view/report?${asked}`;
  }

  build() {
    this.title = el("h1");
    this.when = el("p", { class: "rep-when" });
    this.shifts = el("select", { class: "ft-choice", "aria-label": t("report.shift"), onchange: (event) => go(reportHref(this.props.site, ...event.target.value.split("/"))) });
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.table = el("div", { class: "rep-table" }, el("p", { class: "ft-empty" }, t("oee.loading")));
    this.stops = el("div");
    this.alarms = el("div");
    this.notes = el("ul", { class: "rep-notes" });
    this.text = el("textarea", { class: "rep-text", rows: "3", maxlength: "2000", placeholder: t("report.note_hint"), "aria-label": t("report.note_hint") });
    this.add = el("button", { type: "button", class: "btn", onclick: () => this.write() }, t("report.add_note"));
    this.write_ = el("div", { class: "rep-write rep-screen" }, this.text, this.add);
    this.signatures = el("ul", { class: "rep-signatures" });
    this.signHint = el("span", { class: "cap rep-screen" });
    this.sign = el("button", { type: "button", class: "btn main-btn rep-screen", onclick: () => this.signNow() }, t("report.sign"));
    this.hash = el("code");
    this.failed = el("p", { class: "ft-note", role: "alert", hidden: true });
    this.root.replaceChildren(
      el(
        "article",
        { class: "rep-sheet" },
        el("header", { class: "rep-h" }, el("div", null, this.title, this.when), el("div", { class: "rep-tools rep-screen" }, this.shifts, el("a", { class: "btn", href: oeeHref(this.props.site), onclick: follow }, t("report.to_oee")), el("button", { type: "button", class: "btn", onclick: () => window.print() }, t("report.print")))),
        this.note,
        this.section("report.figures", this.table),
        el("div", { class: "rep-two" }, this.section("report.stops", this.stops), this.section("report.alarms", this.alarms)),
        this.section("report.notes", this.notes, this.write_),
        this.section("report.signatures", this.signatures, el("div", { class: "rep-sign" }, this.sign, this.signHint), el("p", { class: "cap rep-hash" }, t("report.hash"), " ", this.hash), this.failed),
      ),
    );
  }

  section(title, ...children) {
    return el("section", { class: "card rep-part" }, el("header", { class: "card-h" }, el("h2", null, t(title))), el("div", { class: "card-b" }, children));
  }

  hear(answer) {
    this.answer = answer;
    const of = answer.time;
    setText(this.title, t("report.title_of", { site: answer.site.name[this.lang] ?? answer.site.name.en, shift: of.name?.[this.lang] ?? of.shift }));
    setText(this.when, `${date(of.from_ms, this.zone)} ${minute(of.from_ms, this.zone)}–${minute(of.ends_ms, this.zone)}${answer.over ? "" : ` · ${t("report.running", { at: minute(of.to_ms, this.zone) })}`}`);
    this.drawShifts(answer);
    this.drawTable(answer);
    this.drawStops(answer);
    this.drawAlarms(answer);
    this.drawNotes(answer);
    this.drawSignatures(answer);
  }

  drawShifts(answer) {
    const key = answer.shifts.map((one) => `${one.day}/${one.shift}`);
    if (this.shifts.dataset.drawn !== key.join()) {
      this.shifts.dataset.drawn = key.join();
      this.shifts.replaceChildren(...answer.shifts.map((one, i) => el("option", { value: key[i] }, `${one.day} ${one.name?.[this.lang] ?? one.shift}`)));
    }
    this.shifts.value = `${answer.time.day}/${answer.time.shift}`;
  }

  drawTable(answer) {
    const targets = answer.rows[0]?.targets ?? {};
    const head = el("tr", null, el("th", null, t("report.of")), COLUMNS.map(([name]) => el("th", { class: "num" }, t(`kpi_short.${name}`), el("small", null, UNITS[name] ? t(UNITS[name]) : name === "energy_per_part" ? "kWh" : "%"))), el("th", { class: "num" }, t("report.good")), el("th", { class: "num" }, t("report.scrap")), el("th", { class: "num" }, t("oee.coverage"), el("small", null, "%")));
    const aim = Object.keys(targets).length
      ? el("tr", { class: "rep-target" }, el("td", null, t("report.target")), COLUMNS.map(([name, factor, decimals]) => el("td", { class: "num" }, targets[name] ? number(targets[name] * factor, decimals) : "")), el("td"), el("td"), el("td"))
      : null;
    const rows = answer.rows.map((row) => {
      const counted = row.outlet ?? row.totals;
      return el(
        "tr",
        { class: row.level === "site" ? "rep-site" : "" },
        el("td", null, row.level === "site" ? t("report.whole") : el("a", { href: oeeHref(row.line), onclick: follow }, row.name[this.lang] ?? row.name.en)),
        COLUMNS.map(([name, factor, decimals]) => {
          const kpi = row.kpis[name];
          const under = targets[name] && kpi.value !== null && (name === "mttr" ? kpi.value > targets[name] : kpi.value < targets[name]);
          return el("td", { class: `num oee-hint${under ? " is-under" : ""}`, tabindex: "0" }, kpi.value === null ? "–" : number(kpi.value * factor, decimals), under ? el("i", { class: "rep-under", title: t("report.under") }, "▾") : null, el("div", { class: "oee-pop" }, inputsOf(name, kpi)));
        }),
        el("td", { class: "num" }, number(counted.good)),
        el("td", { class: "num" }, number(counted.scrap)),
        el("td", { class: "num" }, row.coverage === null ? "–" : number(row.coverage * 100, 1)),
      );
    });
    if (document.activeElement && this.table.contains(document.activeElement)) return;
    this.table.replaceChildren(el("table", { class: "tbl" }, el("thead", null, head), el("tbody", null, aim, rows)));
    const none = answer.rows[0]?.kpis.oee;
    if (none && none.value === null) this.table.append(el("p", { class: "cap" }, whyText(none.why_none)));
  }

  drawStops(answer) {
    const groups = answer.stops?.groups.slice(0, STOPS) ?? [];
    if (!groups.length) {
      this.stops.replaceChildren(el("p", { class: "ft-empty" }, t("oee.no_stops")));
      return;
    }
    const rows = groups.map((group) => el("tr", null, el("td", null, titleOf(group, this.lang)), el("td", null, t(`oee.bucket_${group.bucket}`)), el("td", { class: "num" }, number(group.count)), el("td", { class: "num" }, number(group.s / 60, 1))));
    this.stops.replaceChildren(el("table", { class: "tbl" }, el("thead", null, el("tr", null, el("th", null, t("oee.stop")), el("th", null, t("report.loss")), el("th", { class: "num" }, t("report.times")), el("th", { class: "num" }, t("unit.min")))), el("tbody", null, rows)));
  }

  drawAlarms(answer) {
    if (!answer.alarms.length) {
      this.alarms.replaceChildren(el("p", { class: "ft-empty" }, t("report.no_alarms")));
      return;
    }
    const rows = answer.alarms.map((one) => el("tr", null, el("td", null, `P${one.priority}`), el("td", null, time(one.raised_ms, this.zone)), el("td", null, shortName(one.asset)), el("td", null, one.name[this.lang] ?? one.name.en), el("td", null, one.acknowledged ? t("report.acknowledged") : t("report.unacknowledged"))));
    this.alarms.replaceChildren(el("table", { class: "tbl" }, el("tbody", null, rows)));
  }

  drawNotes(answer) {
    const listed = answer.notes.map((one) => el("li", null, el("p", null, one.text), el("small", null, `${one.who} · ${date(one.at_ms, this.zone)} ${minute(one.at_ms, this.zone)}`)));
    this.notes.replaceChildren(...(listed.length ? listed : [el("li", { class: "mute" }, t("report.no_notes"))]));
    this.write_.hidden = !answer.may_tell;
  }

  drawSignatures(answer) {
    const listed = answer.signatures.map((one) =>
      el(
        "li",
        { class: one.holds ? "" : "is-broken" },
        el("b", null, one.who),
        ` ${date(one.at_ms, this.zone)} ${time(one.at_ms, this.zone)} · `,
        one.holds ? el("span", { class: "ok" }, `✓ ${t("report.holds")}`) : el("span", { class: "rep-changed" }, `≠ ${t("report.changed")}`),
        one.holds ? null : el("ul", null, one.changed.slice(0, 12).map((each) => el("li", null, `${each.of ? shortName(each.of) : ""} ${t(`kpi.${each.kpi}`)}: ${valueText(each.kpi, each.signed)} → ${valueText(each.kpi, each.now)}`.trim()))),
        one.holds || one.changed.length ? null : el("small", null, ` ${t("report.inputs_changed")}`),
      ),
    );
    this.signatures.replaceChildren(...(listed.length ? listed : [el("li", { class: "mute" }, t("report.not_signed"))]));
    this.sign.disabled = !answer.may_tell || !answer.over;
    setText(this.signHint, !answer.over ? t("report.sign_when_over") : answer.may_tell ? t("report.sign_hint") : t("report.sign_locked"));
    setText(this.hash, answer.sha256);
  }

  async write() {
    if (!this.text.value.trim()) return;
    await this.send("/view/report/notes", { text: this.text.value }, this.add, () => (this.text.value = ""));
  }

  signNow() {
    return this.send("/view/report/sign", { sha256: this.answer.sha256 }, this.sign, () => {});
  }

  async send(url, more, button, then) {
    const { site, time: of } = this.answer;
    button.disabled = true;
    try {
      await post(url, { site: site.id, day: of.day, shift: of.shift, ...more });
      this.failed.hidden = true;
      then();
    } catch (error) {
      this.failed.hidden = false;
      setText(this.failed, t("oee.not_saved", { detail: error.message }));
    }
    button.disabled = false;
    this.asked.refresh();
  }

  fail(message) {
    this.note.hidden = message === null;
    if (message !== null) setText(this.note, t("error.answer", { what: t("report.title"), detail: message, at: new Date(clock.now()).toISOString().slice(11, 19) }));
  }
}

function valueText(name, value) {
  if (value === null || value === undefined) return "–";
  const found = COLUMNS.find(([one]) => one === name);
  return found ? number(value * found[1], found[2]) : number(value, 2);
}
