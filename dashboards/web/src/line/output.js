// What a line makes, and how it flows: counters against what is wanted, parts by the hour, work in progress, the bottleneck.
import { Bar } from "../bar.js";
import { el, setStyle, setText, Sheet, toggle } from "../dom.js";
import { number, shortName, span as spanOf } from "../format.js";
import { drawHourly } from "../hourly.js";
import { closeHref, follow } from "../navigate.js";
import { live } from "../live.js";
import { t } from "../words.js";

const fact = (key, ...value) => [el("dt", null, t(key)), el("dd", null, value)];
const span = (s) => (s ? spanOf(s) : "0");
const unit = (key) => el("small", { class: "unit" }, t(key));

export class Output {
  constructor() {
    for (const name of ["good", "scrap", "ratio", "rate", "wanted"]) this[name] = el("b");
    this.fill = el("i", { class: "fill" });
    this.aim = el("i", { class: "tgt" });
    this.bar = el("div", { class: "abar", "aria-hidden": "true" }, this.fill, this.aim);
    this.note = el("small", { class: "cap" });
    this.node = el(
      "div",
      { class: "ft-out" },
      el("div", { class: "ft-out-f" }, this.figure("line.good", this.good, "unit.part"), this.figure("line.rate", this.rate, "unit.parts_per_h"), this.figure("line.wanted", this.wanted, "unit.parts_per_h")),
      this.bar,
      this.note,
      el("div", { class: "ft-out-f is-small" }, this.figure("line.scrap", this.scrap, "unit.part"), this.figure("line.good_share", this.ratio, null)),
    );
  }

  figure(key, value, symbol) {
    return el("div", null, el("span", { class: "lab" }, t(key)), el("span", null, value, symbol ? unit(symbol) : el("small", { class: "unit" }, "%")));
  }

  hear(answer) {
    const { good, scrap, good_per_h: rate, wanted_per_h: wanted } = answer;
    setText(this.good, number(good));
    setText(this.scrap, number(scrap));
    toggle(this.scrap, "is-zero", scrap === 0);
    setText(this.ratio, good === null || scrap === null || !(good + scrap) ? "–" : number((100 * good) / (good + scrap), 1));
    setText(this.rate, number(rate, rate !== null && rate < 100 ? 1 : 0));
    setText(this.wanted, number(wanted, wanted !== null && wanted < 100 ? 1 : 0));
    const whole = Math.max(wanted ?? 0, rate ?? 0) * 1.15 || 1;
    setStyle(this.fill, "width", `${(((rate ?? 0) / whole) * 100).toFixed(1)}%`);
    this.aim.hidden = !wanted;
    if (wanted) setStyle(this.aim, "left", `${((wanted / whole) * 100).toFixed(1)}%`);
    setText(this.note, wanted ? t("line.wanted_note") : t("line.no_takt_note"));
  }
}

export class Hourly {
  constructor(zone) {
    this.node = el("div", { class: "ft-line-hourly" });
    this.sheet = new Sheet(this.node, (context, width, height) => drawHourly(context, width, height, this.answer?.hourly, this.answer?.clock_ms, zone, this.answer?.wanted_per_h ?? null), t("overview.hourly"));
  }

  hear(answer) {
    this.answer = answer;
    this.sheet.ask();
  }

  dispose() {
    this.sheet.dispose();
  }
}

export class FlowFigures {
  constructor() {
    for (const name of ["level", "share", "since", "blocked", "starved", "known"]) this[name] = el("b");
    this.of = el("small", { class: "unit" });
    this.bar = new Bar(null, null, 1);
    this.link = el("a", { onclick: follow });
    this.rule = el("small", { class: "cap" });
    this.node = el(
      "div",
      { class: "ft-line-flow" },
      el("dl", { class: "kv" }, fact("line.wip", this.level, this.of)),
      this.bar.node,
      el("dl", { class: "kv" }, fact("line.bottleneck", this.link, " ", this.share), fact("line.bottleneck_now", this.since), fact("line.waits_blocked", this.blocked), fact("line.waits_starved", this.starved), fact("line.coverage", this.known)),
      this.rule,
    );
  }

  drawWip(found) {
    setText(this.level, found ? number(found.level) : "–");
    setText(this.of, found?.capacity ? `/ ${number(found.capacity)} ${t("unit.part")}` : t("line.no_buffers"));
    this.bar.node.hidden = !found?.capacity;
    if (found?.capacity) {
      this.bar.set(null, null, found.capacity);
      this.bar.draw(found.level);
    }
  }

  hear(answer) {
    const found = answer.bottleneck;
    const asset = found && (live.directory.assets.get(found.asset) ?? { id: found.asset, type: "" });
    setText(this.link, found ? shortName(found.asset) : t("line.no_bottleneck"));
    if (asset) this.link.setAttribute("href", closeHref(asset));
    else this.link.removeAttribute("href");
    setText(this.share, found ? `${number(found.share * 100)} %` : "");
    const since = found?.since_ms ? span((answer.clock_ms - found.since_ms) / 1000) : "";
    setText(this.since, found?.now ? `${shortName(found.now)}, ${t(found.since_before ? "line.active_more" : "line.active_for", { span: since })}` : "–");
    const at = found ? answer.stations.findIndex((one) => one.asset === found.asset) : -1;
    const sum = (rows, name) => rows.reduce((total, one) => total + one[name], 0);
    setText(this.blocked, at < 0 ? "–" : span(sum(answer.stations.slice(0, at), "blocked_s")));
    setText(this.starved, at < 0 ? "–" : span(sum(answer.stations.slice(at + 1), "starved_s")));
    const share = answer.stations.length ? sum(answer.stations, "known_ratio") / answer.stations.length : null;
    setText(this.known, share === null ? "–" : `${number(share * 100, 1)} %`);
    setText(this.rule, found ? t(found.borne_out ? "line.rule_borne_out" : "line.rule") : "");
  }
}
