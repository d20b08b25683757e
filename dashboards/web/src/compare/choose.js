// Choosing a side: a recording, a scenario, the present, or an interval that is typed.
import { clock } from "../clock.js";
import { el, setText } from "../dom.js";
import { date, duration, time } from "../format.js";
import { t } from "../words.js";
import { intervalText, localMs, localText, readInterval } from "./address.js";

const TYPED = "..";

export class Chooser {
  /** @param {string} letter A or B; `changed(said, site)` is told of every choice. */
  constructor(letter, lang, zoneOf, changed) {
    this.letter = letter;
    this.lang = lang;
    this.zoneOf = zoneOf;
    this.changed = changed;
    this.said = "";
    this.site = "";
    this.select = el("select", { class: "ft-choice", "aria-label": t("compare.choose", { side: letter }), onchange: () => this.pick(this.select.value) });
    this.sites = el("select", { class: "ft-choice", "aria-label": t("compare.site"), onchange: () => this.typed() });
    const moment = (label) => el("input", { type: "datetime-local", step: "1", class: "ft-choice", "aria-label": `${letter} ${label}`, onchange: () => this.typed() });
    this.from = moment(t("compare.from"));
    this.to = moment(t("compare.to"));
    this.times = el("span", { class: "cmp-times", hidden: true }, this.sites, this.from, "–", this.to);
    this.about = el("small");
    this.node = el("div", { class: `cmp-side is-${letter.toLowerCase()}` }, el("b", { "aria-hidden": "true" }, letter), el("div", null, this.select, this.times, this.about));
  }

  /** What there is to choose from. */
  offer({ recordings, simulated, sites }) {
    this.known = new Map([...recordings, ...simulated].map((one) => [one.said, one]));
    this.siteList = sites;
    const option = (one) => el("option", { value: one.said }, `${one.name} · ${date(one.from_ms, this.zoneOf(one.site)).slice(5)} ${time(one.from_ms, this.zoneOf(one.site))} · ${one.site}`);
    const groups = [[t("compare.recordings"), recordings], [t("compare.simulated"), simulated]].filter(([, listed]) => listed.length);
    this.select.replaceChildren(
      ...groups.map(([label, listed]) => el("optgroup", { label }, [...listed].reverse().map(option))),
      el("optgroup", { label: t("compare.otherwise") }, el("option", { value: "live" }, t("compare.live")), el("option", { value: TYPED }, t("compare.interval"))),
    );
    this.sites.replaceChildren(...sites.map((site) => el("option", { value: site }, site)));
    this.sites.hidden = sites.length < 2;
    this.show(this.said, this.site);
  }

  /** Show what is chosen, without telling of it. */
  show(said, site) {
    this.said = said;
    this.site = this.known?.get(said)?.site ?? (site || this.site || this.siteList?.[0] || "");
    const interval = readInterval(said);
    const typed = Boolean(interval) && !this.known?.has(said);
    if (said && !typed && said !== "live" && !this.known?.has(said)) this.select.append(el("option", { value: said }, said));
    this.select.value = typed ? TYPED : said;
    this.times.hidden = !typed && this.select.value !== TYPED;
    this.sites.value = this.site;
    if (interval) [this.from.value, this.to.value] = interval.map((ms) => localText(ms, this.zoneOf(this.site)));
  }

  /** What the answer says of it. */
  tell(told) {
    if (!told) {
      setText(this.about, "");
      return;
    }
    const zone = this.zoneOf(told.site);
    const origin = told.origin.startsWith("simulated:") ? t("compare.is_simulated") : told.origin === "live" ? t("compare.is_live") : told.origin === "interval" ? "" : t("compare.is_recorded");
    setText(this.about, [origin, told.site, `${date(told.from_ms, zone).slice(5)} ${time(told.from_ms, zone)}`, duration(told.to_ms - told.from_ms)].filter(Boolean).join(" · "));
  }

  pick(said) {
    if (said !== TYPED) {
      this.said = said;
      this.times.hidden = true;
      this.site = this.known.get(said)?.site ?? this.site;
      this.changed();
      return;
    }
    const known = this.known.get(this.said);
    const [from, to] = known ? [known.from_ms, known.to_ms] : (readInterval(this.said) ?? [clock.now() - 600_000, clock.now() - 300_000]);
    this.show(intervalText(from, to), known?.site ?? this.site);
    this.changed();
  }

  typed() {
    const zone = this.zoneOf(this.sites.value || this.site);
    const [from, to] = [localMs(this.from.value, zone), localMs(this.to.value, zone)];
    const wrong = from === null || to === null || to <= from;
    this.to.setAttribute("aria-invalid", String(wrong));
    if (wrong) return;
    this.site = this.sites.value || this.site;
    this.said = intervalText(from, to);
    this.changed();
  }
}
