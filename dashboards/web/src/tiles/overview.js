// A card a site: what runs, what does not, what was made, how healthy the data are.
import { setAssetAlarm, setPriority } from "../alarms/marks.js";
import { alarms, counted, PRIORITIES } from "../alarms/model.js";
import { Core } from "../component.js";
import { assetsOf, named } from "../directory.js";
import { el, setText, Sheet, toggle } from "../dom.js";
import { age, number, shortName } from "../format.js";
import { drawHourly } from "../hourly.js";
import { live } from "../live.js";
import { assetHref, floorHref, follow, go, lineHref, oeeHref } from "../navigate.js";
import { Poll } from "../poll.js";
import { present } from "../present.js";
import { CONCERN, look, setMark, worst } from "../states.js";
import { onTheme } from "../theme.js";
import { stateWord, t } from "../words.js";
import { clock } from "../clock.js";

const EVERY_MS = 2000;
const LAG_SCALE_S = 5;
const OEE_EVERY_MS = 20000;
const OEE_REPLAY_MS = 4000;

export class OverviewView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-overview");
    this.until(() => root.classList.remove("ft-overview"));
    this.answer = null;
    this.cards = new Map();
    this.until(() => this.cards.forEach((card) => this.drop(card)));
    this.until(live.on("directory", () => this.build()));
    this.until(present.onChange((changed) => this.drawStates(changed)));
    this.until(present.onTick(() => this.drawStates(null)));
    this.until(alarms.on(() => this.drawAlarms()));
    this.until(onTheme(() => this.cards.forEach((card) => card.sheet.ask())));
    const poll = new Poll((asOf) => `/view/overview${asOf === null ? "" : `?as_of_ms=${Math.round(asOf)}`}`, (answer) => this.hear(answer), EVERY_MS, (message) => this.fail(message));
    this.until(() => poll.dispose());
    this.build();
  }

  drop(card) {
    card.sheet.dispose();
    card.asked.dispose();
  }

  build() {
    this.cards.forEach((card) => this.drop(card));
    this.cards.clear();
    const directory = live.directory;
    const sites = [...directory.sites.values()].filter((site) => !this.props.site || this.props.site === "*" || site.id === this.props.site);
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.root.replaceChildren(this.note, ...sites.map((site) => this.card(site, directory)));
    if (!sites.length) this.root.append(el("p", { class: "ft-empty" }, directory.empty ? t("wait.directory") : t("overview.no_sites")));
    this.drawStates(null);
    this.drawAlarms();
    if (this.answer) this.hear(this.answer);
  }

  card(site, directory) {
    const card = { site, groups: [], lines: new Map(), figures: new Map() };
    card.mark = el("span", { class: "ft-m ft-m-l" });
    card.summary = el("span", { class: "r ft-summary" });
    const head = el(
      "header",
      { class: "card-h ft-site-h" },
      card.mark,
      el("h2", null, el("a", { href: floorHref(site.id), onclick: follow }, named(site, this.lang))),
      el("small", null, site.region?.[this.lang] ?? ""),
      card.summary,
    );
    const byType = new Map();
    for (const asset of assetsOf(directory, site.id)) {
      if (!byType.has(asset.type)) byType.set(asset.type, []);
      byType.get(asset.type).push(asset);
    }
    const ranks = ["robot_arm", "mobile_robot", "machine_tool", "conveyor", "inspection"];
    const rank = (type) => (ranks.includes(type) ? ranks.indexOf(type) : ranks.length);
    const squares = el("div", { class: "ft-types" });
    const passive = [];
    for (const [type, assets] of [...byType].sort(([a], [b]) => rank(a) - rank(b))) {
      if (assets.some((asset) => asset.roles.has("state#0"))) squares.append(this.typeRow(card, directory, type, assets));
      else passive.push([type, assets]);
    }
    for (const [type, assets] of passive) squares.append(this.typeRow(card, directory, type, assets));
    card.alarms = new Map(PRIORITIES.map((priority) => [priority, { mark: el("i"), n: el("b"), waits: el("small") }]));
    const alarmRow = el(
      "a",
      { class: "ft-site-alarms", href: `/alarms/${encodeURIComponent(site.id)}`, onclick: follow, "aria-label": t("alarm.of_asset") },
      el("span", { class: "lab" }, t("alarm.of_asset")),
      [...card.alarms.values()].map((one) => (one.node = el("span", null, one.mark, one.n, one.waits))),
    );
    card.good = el("b", { class: "fig" });
    card.scrap = el("b");
    card.power = el("b");
    card.linesNode = el("div", { class: "ft-lines" });
    card.oee = { value: el("b"), note: el("small"), fill: el("i", { class: "fill" }), tick: el("i", { class: "tgt is-absent" }) };
    card.oeeNode = el("a", { class: "ft-oee-now", href: oeeHref(site.id), onclick: follow, hidden: true }, el("span", { class: "lab" }, t("kpi.oee")), el("span", { class: "ft-oee-v" }, card.oee.value, card.oee.note), el("div", { class: "abar s" }, card.oee.fill, card.oee.tick));
    const chart = el("div", { class: "ft-hourly" });
    card.sheet = new Sheet(chart, (context, width, height) => drawHourly(context, width, height, card.answer?.hourly, card.clock_ms, card.site.timezone), t("overview.hourly"));
    card.total = el("b");
    card.node = el(
      "section",
      { class: "card ft-site", "aria-label": named(site, this.lang) },
      head,
      el(
        "div",
        { class: "ft-site-b" },
        el(
          "div",
          { class: "ft-made" },
          el("span", { class: "lab" }, t("overview.good_per_h")),
          el("span", { class: "ft-big" }, card.good, el("small", { class: "unit" }, t("unit.parts_per_h"))),
          el("dl", { class: "kv" }, el("dt", null, t("overview.scrap_per_h")), el("dd", null, card.scrap, " ", el("small", { class: "unit" }, t("unit.parts_per_h"))), el("dt", null, t("overview.power")), el("dd", null, card.power, " ", el("small", { class: "unit" }, "kW"))),
          card.oeeNode,
          card.linesNode,
        ),
        el("div", { class: "ft-site-m" }, alarmRow, squares),
        el("div", { class: "ft-made-h" }, el("div", { class: "ft-chart-h" }, el("span", { class: "lab" }, t("overview.hourly")), el("span", { class: "r" }, t("overview.total"), " ", card.total, " ", el("small", { class: "unit" }, t("unit.part")))), chart),
      ),
      el("footer", { class: "ft-health" }, ["rate", "lag", "stale", "connection"].map((name) => this.figure(card, name))),
    );
    card.node.addEventListener("click", (event) => {
      if (!event.target.closest("a") && !window.getSelection()?.toString()) go(floorHref(site.id));
    });
    this.cards.set(site.id, card);
    card.asked = new Poll((asOf) => `/view/kpi/now?site=${encodeURIComponent(site.id)}${asOf === null ? "" : `&as_of_ms=${Math.round(asOf)}`}`, (answer) => this.drawOee(card, answer), OEE_EVERY_MS, () => {}, OEE_REPLAY_MS);
    return card.node;
  }

  typeRow(card, directory, type, assets) {
    const group = { assets, boxes: new Map(), count: el("b"), counted: assets.some((asset) => asset.roles.has("state#0")) };
    const strip = el("span", { class: "ft-squares" });
    for (const asset of assets) {
      const box = el("a", { class: "ft-sq", href: assetHref(asset.id), onclick: follow }, el("i"));
      group.boxes.set(asset.id, box);
      strip.append(box);
    }
    card.groups.push(group);
    return el("div", { class: "ft-type" }, el("span", { class: "lab" }, directory.types[type]?.[this.lang] ?? type), strip, group.count);
  }

  figure(card, name) {
    const figure = { value: el("b"), unit: el("small", { class: "unit" }), fill: el("i", { class: "fill" }) };
    figure.bar = el("div", { class: "abar s" }, figure.fill);
    figure.node = el("div", { class: "ft-fig" }, el("span", { class: "lab" }, t(`overview.${name}`)), el("span", { class: "ft-fig-v" }, figure.value, figure.unit), figure.bar);
    card.figures.set(name, figure);
    return figure.node;
  }

  /** OEE of the running shift, asked for apart: it takes longer than the rest. */
  drawOee(card, answer) {
    const { value, coverage } = answer.oee;
    card.oeeNode.hidden = false;
    setText(card.oee.value, value === null ? "–" : `${number(value * 100, 1)} %`);
    const target = answer.target ? t("oee.target", { n: number(answer.target * 100, 1) }) : "";
    const thin = coverage !== null && coverage < 0.95 ? `${t("oee.coverage")} ${number(coverage * 100)} %` : "";
    setText(card.oee.note, [target, thin].filter(Boolean).join(" · "));
    card.oee.fill.style.width = `${Math.min(100, (value ?? 0) * 100).toFixed(1)}%`;
    toggle(card.oee.tick, "is-absent", !answer.target);
    card.oee.tick.style.left = `${(answer.target ?? 0) * 100}%`;
  }

  drawStates(changed) {
    const directory = live.directory;
    const sites = changed ? new Set([...changed].map((key) => directory.assets.get(directory.streams.get(key)?.asset)?.site)) : null;
    for (const card of this.cards.values()) {
      if (sites && !sites.has(card.site.id)) continue;
      const counts = new Map();
      for (const group of card.groups) {
        let fine = 0;
        for (const asset of group.assets) {
          const state = present.stateOf(asset);
          const one = state === null ? "none" : look(state);
          if (one === "run" || one === "none") fine++;
          if (state !== null) counts.set(one, (counts.get(one) ?? 0) + 1);
          const box = group.boxes.get(asset.id);
          if (box.dataset.look !== one || box.dataset.state !== state) {
            box.dataset.look = one;
            box.dataset.state = state;
            const says = `${shortName(asset.id)} · ${state === null ? t("state.none") : stateWord(state)}`;
            box.title = says;
            box.setAttribute("aria-label", says);
          }
        }
        setText(group.count, `${fine} / ${group.assets.length}`);
      }
      const listed = CONCERN.filter((one) => counts.get(one));
      const one = card.answer?.connection === "none" ? "lost" : counts.get("run") && worst(listed) !== "fault" ? (worst(listed) === "held" ? "held" : "run") : worst(listed);
      setMark(card.mark, one, t(`look.${one}`));
      setText(card.summary, listed.map((each) => `${t(`look.${each}`)} ${counts.get(each)}`).join(" · "));
    }
  }

  /** Active alarms by priority, and a mark on each asset that has one. */
  drawAlarms() {
    const { byAsset } = alarms;
    for (const card of this.cards.values()) {
      for (const [priority, count] of counted(alarms.list.filter((row) => row.site === card.site.id))) {
        const one = card.alarms.get(priority);
        setPriority(one.mark, priority, count.waits > 0);
        setText(one.n, alarms.ready ? number(count.n) : "–");
        setText(one.waits, count.waits ? t("alarm.waits", { n: count.waits }) : "");
        toggle(one.node, "is-zero", count.n === 0);
      }
      for (const group of card.groups) for (const [id, box] of group.boxes) setAssetAlarm(box.firstElementChild, byAsset.get(id));
    }
  }

  hear(answer) {
    this.answer = answer;
    for (const figures of answer.sites ?? []) {
      const card = this.cards.get(figures.id);
      if (card) this.drawFigures(card, figures, answer.clock_ms);
    }
  }

  drawFigures(card, figures, clock_ms) {
    card.answer = figures;
    setText(card.good, number(figures.good_per_h, figures.good_per_h < 100 ? 1 : 0));
    setText(card.scrap, number(figures.scrap_per_h, 1));
    setText(card.power, figures.power_w === null ? "–" : number(figures.power_w / 1000, 1));
    for (const line of figures.lines ?? []) this.drawLine(card, line);
    setText(card.total, number((figures.hourly?.good ?? []).reduce((sum, x) => sum + (x ?? 0), 0)));
    this.drawFigure(card, "rate", number(figures.frames_per_s, figures.frames_per_s < 10 ? 1 : 0), "fr/s", figures.frames_per_s / Math.max(1, (card.most = Math.max(card.most ?? 0, figures.frames_per_s) * 0.999)), false);
    this.drawFigure(card, "lag", number(figures.lag_s, 2), "s", figures.lag_s / LAG_SCALE_S, figures.lag_s > LAG_SCALE_S);
    this.drawFigure(card, "stale", number(figures.stale_ratio * 100, 1), "%", figures.stale_ratio, false);
    const heard = figures.last_received_ms ? age(Math.max(0, clock_ms - figures.last_received_ms)) : t("age.never");
    this.drawFigure(card, "connection", t(`connection.${figures.connection === "none" ? "none" : figures.connection}`), heard, figures.connection === "ok" ? 1 : 0, figures.connection !== "ok");
    toggle(card.node, "is-stale", figures.connection !== "ok");
    card.clock_ms = clock_ms;
    card.sheet.ask();
  }

  drawFigure(card, name, text, unit, ratio, odd) {
    const figure = card.figures.get(name);
    setText(figure.value, text);
    setText(figure.unit, unit);
    figure.fill.style.width = `${Math.min(100, Math.max(0, ratio * 100)).toFixed(1)}%`;
    toggle(figure.node, "is-odd", odd);
  }

  drawLine(card, line) {
    let row = card.lines.get(line.place);
    if (!row) {
      row = { mark: el("span", { class: "ft-m" }), value: el("b"), scrap: el("small") };
      row.node = el("div", { class: "ft-line" }, row.mark, el("a", { href: lineHref(line.place), onclick: follow }, named({ name: line.name, id: shortName(line.place) }, this.lang)), row.value, row.scrap);
      card.lines.set(line.place, row);
      card.linesNode.append(row.node);
    }
    const one = line.state ? look(line.state) : "none";
    setMark(row.mark, one, line.state ? stateWord(line.state) : null);
    setText(row.value, number(line.good_per_h, 1));
    setText(row.scrap, line.scrap_per_h > 0 ? t("overview.scrap", { n: number(line.scrap_per_h, 1) }) : "");
  }

  fail(message) {
    this.note.hidden = message === null;
    if (message !== null) setText(this.note, t("error.answer", { what: t("overview.title"), detail: message, at: new Date(clock.now()).toISOString().slice(11, 19) }));
  }
}
