// The data hub: hours from the recording to who got them, hubs on the map, weeks, balance, quality, the ledger.
import { Core } from "../component.js";
import { el, setText, svg } from "../dom.js";
import { date, minute, monthDay, number } from "../format.js";
import { byTask, parts, weekChart } from "../hub/charts.js";
import { ORIGINS, catalogueTable, comparisonTable, keyOf } from "../hub/catalogue.js";
import { koreaMap, mark } from "../hub/map.js";
import { Poll } from "../poll.js";
import { t } from "../words.js";

const EVERY_MS = 30000;
const REPLAY_MS = 4000;
const SCARCE = 0.05;
const TASKS = 7;
const ROLES = ["application", "data_zone", "labelling"];
const VERDICTS = ["defect", "risk", "characteristic", "not_assessed"];
const hours = (value) => number(value, value < 10 ? 2 : 1);
const percent = (share) => (share === null || !Number.isFinite(share) ? "–" : `${number(share * 100, 1)} %`);

const SHAPES = {
  defect: () => svg("svg", { viewBox: "0 0 14 14", class: "hub-key", "aria-hidden": "true" }, svg("rect", { x: 2, y: 2, width: 10, height: 10, class: "hub-defect" })),
  risk: () => svg("svg", { viewBox: "0 0 14 14", class: "hub-key", "aria-hidden": "true" }, svg("path", { d: "M7 12.6.6 1.6h12.8Z", class: "hub-risk" })),
  characteristic: () => svg("svg", { viewBox: "0 0 14 14", class: "hub-key", "aria-hidden": "true" }, svg("rect", { x: 2, y: 2, width: 10, height: 10, class: "hub-fact" })),
  not_assessed: () => svg("svg", { viewBox: "0 0 14 14", class: "hub-key", "aria-hidden": "true" }, svg("rect", { x: 2.5, y: 2.5, width: 9, height: 9, class: "hub-unknown" })),
};

const isSimulated = (source) => source === "sim" || source.startsWith("simulated");

function bar(shares, names, label) {
  const node = el("span", { class: "hub-split", role: "img", "aria-label": label });
  shares.forEach((share, i) => {
    const part = el("i", { class: `is-${names[i]}` });
    part.style.width = `${Math.max(0, Math.min(1, share || 0)) * 100}%`;
    node.append(part);
  });
  return node;
}

export class HubView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-hub");
    this.until(() => root.classList.remove("ft-hub"));
    this.note = el("p", { class: "ft-note", role: "status" }, t("wait.figures"));
    this.funnel = el("section", { class: "card hub-funnel", "aria-label": t("hub.funnel") });
    this.map = this.card("map", "hub-map-card");
    this.weeks = this.card("weeks", "hub-weeks-card");
    this.balance = this.card("balance", "hub-balance-card");
    this.quality = this.card("quality", "hub-quality-card");
    this.ledger = this.card("ledger", "hub-ledger-card");
    this.exports = this.card("exports", "hub-exports-card");
    this.catalogue = this.card("catalogue", "hub-catalogue-card");
    this.compared = this.card("compared", "hub-compared-card");
    this.shapes = SHAPES;
    this.open = new Set();
    this.root.replaceChildren(
      this.note, this.funnel, this.map.node,
      el("div", { class: "hub-mid" }, this.weeks.node, this.balance.node),
      this.quality.node, this.ledger.node, this.exports.node, this.catalogue.node, this.compared.node,
    );
    this.cards = [this.funnel, ...[this.map, this.weeks, this.balance, this.quality, this.ledger, this.exports, this.catalogue, this.compared].map((card) => card.node)];
    for (const node of this.cards) node.hidden = true;
    const poll = new Poll((asOf) => `/view/hub${asOf === null ? "" : `?as_of_ms=${Math.round(asOf)}`}`, (answer) => this.hear(answer), EVERY_MS, (message) => this.fail(message), REPLAY_MS);
    this.until(() => poll.dispose());
    const shared = new Poll((asOf) => `/view/datasets${asOf === null ? "" : `?as_of_ms=${Math.round(asOf)}`}`, (answer) => this.drawCatalogue(answer), EVERY_MS, (message) => this.fail(message), REPLAY_MS);
    this.until(() => shared.dispose());
    const size = new ResizeObserver(() => this.answer && this.drawWeeks(this.answer));
    size.observe(this.weeks.body);
    this.until(() => size.disconnect());
  }

  card(name, className) {
    const small = el("small", null, t(`hub.${name}_note`));
    const right = el("span", { class: "r" });
    const body = el("div", { class: "card-b ft-scroll", tabindex: "0" });
    return { small, right, body, node: el("section", { class: `card ${className}` }, el("header", { class: "card-h" }, el("h2", null, t(`hub.${name}`)), small, right), body) };
  }

  name(name) {
    return (this.lang === "ko" ? name?.ko : name?.en) || name?.en || name?.ko || "";
  }

  /** Who got something: a partner by its name in this language, others as they were written. */
  whom(recipient) {
    const partner = this.answer.partners.find((one) => [one.id, one.name.ko, one.name.en].includes(recipient));
    return partner ? this.name(partner.name) : recipient;
  }

  fail(message) {
    this.note.hidden = message === null;
    if (message !== null) setText(this.note, t("error.part", { what: t("hub.title"), detail: message, at: "" }));
  }

  hear(answer) {
    this.answer = answer;
    this.note.hidden = true;
    for (const node of this.cards) node.hidden = false;
    this.drawFunnel(answer);
    this.drawMap(answer);
    this.drawWeeks(answer);
    this.drawBalance(answer);
    this.drawQuality(answer);
    this.drawLedger(answer);
    this.drawExports(answer);
    this.drawCompared(answer);
  }

  drawFunnel({ totals, targets, sites, weeks }) {
    const whole = Math.max(totals.recorded_h, totals.episodes_h);
    const told = sites.filter((site) => site.recorded_h > 0).map((site) => `${this.name(site.name)} ${hours(site.recorded_h)}`);
    const week = weeks.at(-1)?.recorded_h ?? 0;
    const goal = targets.hours_per_week ? ` · ${t("hub.of_target", { week: t("hub.week", { n: weeks.at(-1)?.week ?? "–" }), n: hours(week), target: number(targets.hours_per_week) })}` : "";
    const aim = (name) => (targets[name] ? ` · ${t("hub.target", { n: number(targets[name] * 100) })}` : "");
    const share = (part, all) => (all > 0 ? part / all : null);
    const apart = totals.simulated ? ` · ${t("hub.simulated_apart", { n: number(totals.simulated), h: hours(totals.simulated_h) })}` : "";
    const steps = [
      ["recorded", totals.recorded_h, (told.join(" · ") || t("hub.nothing_yet")) + goal],
      ["cut", totals.episodes_h, t("hub.cut_of", { n: number(totals.episodes), share: percent(share(totals.episodes_h, totals.recorded_h)) }) + apart],
      ["usable", totals.usable_h, t("hub.usable_of", { judged: number(totals.judged), defect: number(totals.defect) }) + aim("usable")],
      ["labelled", totals.labelled_h, t("hub.labelled_of", { share: percent(share(totals.labelled_h, totals.usable_h)) }) + aim("labelled")],
      ["exported", totals.exported_h, t("hub.exported_of", { n: number(totals.exports), to: number(totals.recipients) })],
    ];
    this.funnel.replaceChildren(
      ...steps.map(([name, value, text]) =>
        el("div", null, el("span", { class: "lab" }, t(`hub.${name}`)), el("b", { class: "fig" }, hours(value), el("span", { class: "unit" }, "h")), el("span", { class: "cap" }, text), bar([whole > 0 ? value / whole : 0], ["usable"], percent(share(value, whole)))),
      ),
    );
  }

  drawMap({ sites, partners }) {
    const places = [
      ...sites.map((site) => ({ id: `site ${site.id}`, position: site.position_deg, role: site.role, ours: true, lines: [t("hub.ours", { name: this.name(site.name) }), t(`hub.role_${site.role}`), `${hours(site.recorded_h)} h · ${t("hub.assets", { n: site.assets })}`] })),
      ...partners.map((one) => ({ id: `hub ${one.id}`, position: one.position_deg, role: one.role, lines: [this.name(one.name), t(`hub.role_${one.role}`), one.received ? t("hub.received", { n: one.received, h: hours(one.hours) }) : t("hub.received_none")] })),
    ];
    const flows = partners.flatMap((one) => one.from.map((site) => [`site ${site}`, `hub ${one.id}`]));
    const without = places.filter((place) => !place.position);
    const legend = el("ul", { class: "hub-legend" }, ROLES.map((role) => el("li", null, svg("svg", { viewBox: "0 0 18 18", class: "hub-key", "aria-hidden": "true" }, mark(role, 9, 9, 7, role === "application")), t(`hub.role_${role}`))));
    const list = without.length ? el("p", { class: "cap hub-nowhere" }, t("hub.no_place", { names: without.map((place) => place.lines[0]).join(", ") })) : null;
    const invite = partners.length ? null : el("p", { class: "cap hub-nowhere" }, t("hub.no_partners"));
    this.map.body.replaceChildren(koreaMap(places, flows, t("hub.map")), legend, ...[list, invite].filter(Boolean));
  }

  drawWeeks({ weeks, targets }) {
    const box = this.weeks.body;
    if (!weeks.length) return void box.replaceChildren(this.empty("hub.no_weeks", "hub.no_weeks_do"));
    const words = { title: t("hub.weeks"), week: (n) => t("hub.week", { n }), target: t("hub.target_h", { n: targets.hours_per_week ?? 0 }) };
    const [width, height] = [Math.max(320, box.clientWidth - 24), Math.max(140, box.clientHeight - 8)];
    box.replaceChildren(weekChart(weeks, targets.hours_per_week, width, height, words));
    this.weeks.right.replaceChildren(
      ...[["usable", "hub.usable"], ["recorded", "hub.recorded_only"]].map(([name, word]) => el("span", { class: "hub-k" }, el("i", { class: `is-${name}` }), t(word))),
      el("span", { class: "hub-k opt" }, el("i", { class: "is-share" }), t("hub.labelled_share")),
    );
  }

  drawBalance({ rows, sites }) {
    const tasks = byTask(rows);
    const several = new Set(tasks.map((row) => row.site)).size > 1;
    const where = new Map(sites.map((site) => [site.id, ` (${this.name(site.name)})`]));
    if (!tasks.length) return void this.balance.body.replaceChildren(this.empty("hub.no_episodes", "hub.no_episodes_do"));
    this.balance.body.replaceChildren(
      el("div", { class: "hub-tasks" }, tasks.slice(0, TASKS).flatMap((row) => {
        const judged = row.success + row.failure;
        const failed = judged ? row.failure / judged : null;
        const scarce = failed !== null && (failed < SCARCE || failed > 1 - SCARCE);
        const label = `${this.name(row.task)}: ${t("hub.success")} ${row.success}, ${t("hub.failure")} ${row.failure}, ${t("hub.unknown")} ${row.unknown}`;
        return [
          el("span", { class: "hub-task", title: this.name(row.task) }, isSimulated(row.source) ? el("em", { class: "hub-sim is-first" }, t("hub.sim")) : null, this.name(row.task), several ? where.get(row.site) : null),
          bar(parts(row), ["success", "failure", "unknown"], label),
          el("span", { class: "hub-n" }, el("b", null, percent(failed)), ` / ${number(row.episodes)}`, scarce ? el("span", { class: "hub-scarce", title: t("hub.scarce") }, SHAPES.risk()) : null),
        ];
      })),
    );
    this.balance.right.replaceChildren(...["success", "failure", "unknown"].map((name) => el("span", { class: "hub-k" }, el("i", { class: `is-${name}` }), t(`hub.${name}`))));
  }

  drawQuality({ checks, totals }) {
    if (!checks.length) return void this.quality.body.replaceChildren(this.empty(totals.episodes ? "hub.not_judged" : "hub.no_episodes", totals.episodes ? "hub.not_judged_do" : "hub.no_episodes_do"));
    const most = Math.max(1, ...checks.flatMap((one) => VERDICTS.map((verdict) => one[verdict])));
    const cell = (one, verdict) => {
      const n = one[verdict];
      const size = el("i", { class: `hub-bar is-${verdict}` });
      size.style.width = n ? `${Math.max(3, (n / most) * 40)}px` : "0";
      return el("td", { class: n ? "" : "is-zero" }, n ? size : null, n ? number(n) : "·");
    };
    const bodies = ["validity", "accuracy", "diversity"].map((axis) => {
      const mine = checks.filter((one) => one.axis === axis);
      return mine.length ? el("tbody", null, el("tr", { class: "hub-axis" }, el("th", { colspan: 5, scope: "rowgroup" }, t(`hub.axis_${axis}`))), mine.map((one) => el("tr", null, el("th", { scope: "row" }, t(`hub.check_${one.check}`)), VERDICTS.map((verdict) => cell(one, verdict))))) : null;
    });
    this.quality.body.replaceChildren(
      el("table", { class: "hub-checks" }, el("thead", null, el("tr", null, el("td"), VERDICTS.map((verdict) => el("th", { scope: "col", title: t(`hub.verdict_${verdict}_do`) }, SHAPES[verdict](), t(`hub.verdict_${verdict}`))))), bodies.filter(Boolean)),
    );
  }

  drawLedger({ rows, assets, sites }) {
    if (!rows.length && !Object.keys(assets).length) return void this.ledger.body.replaceChildren(this.empty("hub.nothing_yet", "hub.nothing_yet_do"));
    const names = new Map(sites.map((site) => [site.id, site]));
    const cut = new Set(rows.map((row) => row.asset));
    const uncut = Object.keys(assets).filter((asset) => !cut.has(asset)).map((asset) => ({ asset, site: asset.split("/")[0], name: { ko: asset.split("/").at(-1), en: asset.split("/").at(-1) }, task: null }));
    const heads = [["region", "opt"], ["site", ""], ["robot", ""], ["task", ""], ["recorded", "num"], ["usable", "num"], ["episodes", "num"], ["labelled", ""], ["balance", ""], ["state", ""], ["to_whom", "opt"]];
    const line = (row) => {
      const site = names.get(row.site);
      const first = [el("td", { class: "opt mute" }, this.name(site?.region)), el("td", null, this.name(site?.name)), el("td", null, el("b", null, this.name(row.name)))];
      const recorded = el("td", { class: "num" }, hours(assets[row.asset] ?? 0));
      if (!row.task) return el("tr", { class: "hub-uncut" }, first, el("td", { class: "mute" }, t("hub.uncut")), recorded, el("td", { class: "num mute" }, "–"), el("td", { class: "num mute" }, "0"), el("td"), el("td"), el("td"), el("td", { class: "opt" }));
      const share = row.episodes ? row.labelled / row.episodes : 0;
      const q = row.quality;
      const state = [q.defect ? [SHAPES.defect(), number(q.defect)] : null, q.risk ? [SHAPES.risk(), number(q.risk)] : null, q.characteristic ? [SHAPES.characteristic(), number(q.characteristic)] : null, q[""] ? [SHAPES.not_assessed(), t("hub.unjudged", { n: number(q[""]) })] : null].filter(Boolean);
      return el(
        "tr", null, first,
        el("td", { class: "hub-what" }, el("span", { title: this.name(row.task) }, this.name(row.task)), isSimulated(row.source) ? el("em", { class: "hub-sim" }, t("hub.sim")) : null),
        recorded,
        el("td", { class: "num" }, hours(row.usable_h)),
        el("td", { class: "num" }, number(row.episodes)),
        el("td", { class: "hub-mini" }, bar([share], ["usable"], percent(share)), percent(share)),
        el("td", { class: "hub-mini" }, bar(parts(row), ["success", "failure", "unknown"], `${row.success} / ${row.failure} / ${row.unknown}`), `${number(row.success)} / ${number(row.failure)}`),
        el("td", { class: "hub-state" }, state.map((pair) => el("span", null, pair))),
        el("td", { class: "opt" }, row.recipients.map((one) => this.whom(one)).join(" · ") || el("span", { class: "mute" }, "–")),
      );
    };
    this.ledger.body.replaceChildren(el("table", { class: "tbl" }, el("thead", null, el("tr", null, heads.map(([name, kind]) => el("th", { class: kind, scope: "col" }, t(`hub.col_${name}`))))), el("tbody", null, [...rows, ...uncut].map(line))));
  }

  drawExports({ exports }) {
    if (!exports.length) return void this.exports.body.replaceChildren(this.empty("hub.no_exports", "hub.no_exports_do"));
    const heads = [["name", ""], ["when", ""], ["to_whom", ""], ["episodes", "num"], ["hours", "num"], ["licence", ""], ["hash", "opt"]];
    this.exports.body.replaceChildren(
      el("table", { class: "tbl" }, el("thead", null, el("tr", null, heads.map(([name, kind]) => el("th", { class: kind, scope: "col" }, t(`hub.col_${name}`))))), el("tbody", null, exports.map((one) => el(
        "tr", null,
        el("td", null, el("b", null, one.name), " ", el("span", { class: "mute" }, one.format)),
        el("td", { title: date(one.at_ms, this.zone) }, `${monthDay(one.at_ms, this.zone)} ${minute(one.at_ms, this.zone)}`),
        el("td", null, this.whom(one.recipient) || el("span", { class: "mute" }, t("hub.not_said"))),
        el("td", { class: "num" }, one.with_defects ? el("span", { title: t("hub.with_defects") }, SHAPES.defect()) : null, number(one.episodes)),
        el("td", { class: "num" }, hours(one.hours)),
        el("td", null, el("span", { class: "hub-licence" }, one.licence)),
        el("td", { class: "opt" }, el("code", { title: one.sha256 }, one.sha256.slice(0, 8))),
      )))),
    );
  }

  drawCatalogue({ datasets }) {
    this.datasets = datasets;
    if (!datasets.length) return void this.catalogue.body.replaceChildren(this.empty("hub.no_datasets", "hub.no_datasets_do"));
    const toggle = (key) => {
      if (!this.open.delete(key)) this.open.add(key);
      this.drawCatalogue({ datasets: this.datasets });
      this.catalogue.body.querySelectorAll(".hub-open")[[...datasets].findIndex((one) => keyOf(one) === key)]?.focus();
    };
    this.catalogue.body.replaceChildren(catalogueTable(datasets, this, this.open, toggle));
    const there = ORIGINS.filter((name) => datasets.some((one) => one.split_s[name] > 0));
    this.catalogue.right.replaceChildren(...there.map((name) => el("span", { class: "hub-k" }, el("i", { class: `is-${name}` }), t(`hub.origin_${name}`))));
  }

  drawCompared({ comparison }) {
    if (!comparison) return void this.compared.body.replaceChildren(this.empty("hub.no_compared", "hub.no_compared_do"));
    this.compared.body.replaceChildren(comparisonTable(comparison, this));
    this.compared.right.replaceChildren(el("span", { title: date(comparison.at_ms, this.zone) }, `${monthDay(comparison.at_ms, this.zone)} ${minute(comparison.at_ms, this.zone)}`));
  }

  empty(text, what) {
    return el("div", { class: "pg-nothing" }, el("p", null, t(text)), el("p", { class: "mute" }, t(what)));
  }
}
