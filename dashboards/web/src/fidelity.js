// How far what is shown is what happened: the minute around the playhead (or the loop) folded again on the server.
import { clock, fetchJson } from "./clock.js";
import { el, setText } from "./dom.js";
import { number, time } from "./format.js";
import { live } from "./live.js";
import { Popover } from "./popover.js";
import { t } from "./words.js";

const MINUTE_MS = 60_000;
const MOST_MS = 15 * MINUTE_MS;
const REST_MS = 1500;

/** What a verdict comes to: the worst of what is known. */
export function gradeOf(told) {
  if (told.equal === false) return "changed";
  if (told.equal === null || told.coverage === null || told.coverage < 1) return "unknown";
  return told.gaps ? "gaps" : "true";
}

/** The stretch that is judged: the loop where there is a short one, else the whole minute of the moment. */
export function stretchOf(at, loop) {
  if (loop && loop[1] - loop[0] <= MOST_MS) return loop.map(Math.round);
  const from = Math.floor(at / MINUTE_MS) * MINUTE_MS;
  return [from, from + MINUTE_MS];
}

export class FidelityBadge {
  constructor(strip) {
    this.strip = strip;
    this.word = el("span");
    this.node = el("button", { type: "button", class: "btn ft-fid", title: t("fid.title"), "data-grade": "none" }, el("i", { "aria-hidden": "true" }), this.word);
    this.pop = new Popover(this.node, t("fid.title"), "ft-fid-pop", () => this.opened());
    this.asked = "";
    this.told = null;
    setText(this.word, t("fid.none"));
  }

  /** Called as the clock moves: asks when it rests. */
  draw() {
    const [from, to] = this.stretch();
    const key = `${this.site}/${from}/${to}`;
    if (key === this.key) return;
    this.key = key;
    if (this.asked !== key) this.show(null);
    clearTimeout(this.waiting);
    if (clock.replaying && !clock.playing) this.waiting = setTimeout(() => this.ask(), REST_MS);
    if (clock.playing) this.key = "";
  }

  get site() {
    return this.strip.props.site || "*";
  }

  stretch() {
    return stretchOf(clock.replaying ? clock.at_ms : live.now() - MINUTE_MS, clock.replaying ? clock.loop : null);
  }

  opened() {
    this.draw();
    if (!this.told) this.ask();
    this.list();
  }

  async ask() {
    const [from, to] = this.stretch();
    const key = `${this.site}/${from}/${to}`;
    if (this.asked === key && (this.told || this.busy)) return;
    this.asked = key;
    this.busy = true;
    this.show(null, "fid.busy");
    try {
      const told = await fetchJson(`/api/v1/fidelity?${new URLSearchParams({ site: this.site, from: String(from), to: String(to) })}`);
      if (this.asked === key) this.show(told);
    } catch (error) {
      if (this.asked === key) this.show(null, "fid.failed", String(error?.message ?? error));
    }
    this.busy = false;
  }

  show(told, word = "fid.none", detail = "") {
    this.told = told;
    this.detail = detail;
    this.node.dataset.grade = told ? gradeOf(told) : "none";
    setText(this.word, told ? t(`fid.${gradeOf(told)}`) : t(word));
    if (this.pop.open) this.list();
  }

  list() {
    const { zone } = this.strip;
    const [from, to] = this.stretch();
    const head = el("h3", null, t("fid.of", { from: time(from, zone), to: time(to, zone) }));
    if (!this.told) {
      this.pop.node.replaceChildren(head, el("p", { class: "mute" }, this.detail ? t("fid.failed_why", { detail: this.detail }) : t("fid.busy")));
      this.pop.place();
      return;
    }
    const { told } = this;
    const row = (name, value, bad = false) => el("div", { class: bad ? "is-bad" : "" }, el("dt", null, t(`fid.${name}`)), el("dd", null, value));
    this.pop.node.replaceChildren(
      head,
      el("p", null, t(`fid.${gradeOf(told)}_means`)),
      el(
        "dl",
        null,
        row("coverage", told.coverage === null ? "–" : `${number(told.coverage * 100, told.coverage === 1 ? 0 : 2)} %`, told.coverage !== null && told.coverage < 1),
        row("frames", number(told.frames)),
        row("missing", number(told.gaps), told.gaps > 0),
        row("late", number(told.late)),
        row("ahead", number(told.ahead)),
        row("hash", told.equal === null ? t("fid.hash_none") : told.equal ? t("fid.hash_equal") : t("fid.hash_differs", { n: told.mismatches }), told.equal === false),
      ),
      ...(told.why.length ? [el("ul", null, told.why.map((one) => el("li", null, t(`fid.why_${one}`))))] : []),
    );
    this.pop.place();
  }

  dispose() {
    clearTimeout(this.waiting);
    this.pop.dispose();
  }
}
