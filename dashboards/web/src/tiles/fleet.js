// The fleet of mobile robots of a site: the chosen one with its way node by node, below it all of them as a table.
import { Bar } from "../bar.js";
import { isWell, safetySignals } from "../cell/safety.js";
import { clock } from "../clock.js";
import { Core } from "../component.js";
import { assetsOf, labelled, named } from "../directory.js";
import { el, setText, toggle } from "../dom.js";
import { listed, readError } from "../fleet/errors.js";
import { age, besideId, duration, number, shortName, shownAs, time, value } from "../format.js";
import { live } from "../live.js";
import { assetHref, follow, go } from "../navigate.js";
import { Part, viewUrl } from "../part.js";
import { present } from "../present.js";
import { look, setMark } from "../states.js";
import { inTheWay, parseRoute, routeSignals } from "../twin/route.js";
import { stateWord, t } from "../words.js";

const EVERY_MS = 5000;
const DRAW_MS = 250;

const byName = (asset, name) => {
  for (const stream of asset.streams) {
    for (const [columns, isText] of [[stream.columns, false], [stream.texts, true]]) {
      const at = columns.findIndex((column) => column.name === name);
      if (at >= 0) return { id: `${asset.id}:${name}`, asset: asset.id, stream, column: columns[at], at, isText };
    }
  }
  return null;
};

export class FleetView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-fleet");
    this.until(() => root.classList.remove("ft-fleet"));
    this.until(() => clearTimeout(this.planned));
    this.lately = new Map();
    this.until(live.on("directory", () => this.build()));
    this.until(present.onChange((changed) => (changed === null || [...changed].some((key) => this.mine.has(key))) && this.later()));
    this.until(present.onTick(() => this.later()));
    this.detail = el("section", { class: "card ft-fleet-one", "aria-live": "off" });
    this.body = el("tbody");
    const heads = [["fleet.robot", ""], ["line.state", ""], ["fleet.since", "num"], ["fleet.battery", ""], ["fleet.load", "num"], ["fleet.order", ""], ["fleet.waited", "num opt"], ["fleet.errors", "num"]];
    const table = el("table", { class: "tbl ft-fleet-t", role: "grid", "aria-label": t("fleet.title") }, el("thead", null, el("tr", null, heads.map(([key, name]) => el("th", { class: name, scope: "col" }, t(key))))), this.body);
    this.part = new Part(t("fleet.title"), "flush ft-scroll", table);
    this.part.ready();
    root.replaceChildren(this.detail, this.part.node);
    this.build();
    this.part.poll(this, (asOf) => viewUrl("fleet", { site: props.site }, asOf), (answer) => this.hear(answer), EVERY_MS);
  }

  build() {
    const robots = assetsOf(live.directory, this.props.site).filter((asset) => asset.type === "mobile_robot");
    this.robots = robots.map((asset) => this.row(asset));
    this.mine = new Set(robots.flatMap((asset) => asset.streams.map((stream) => stream.key)));
    this.nodes = new Map((live.directory.sites.get(this.props.site)?.nodes ?? []).map((node) => [node.id, node]));
    if (robots.length) this.body.replaceChildren(...this.robots.map((one) => one.node));
    else this.body.replaceChildren(el("tr", null, el("td", { colspan: 8, class: "ft-empty" }, t(live.directory.empty ? "wait.directory" : "fleet.none"))));
    this.shown = undefined;
    this.draw();
  }

  row(asset) {
    const roles = (name) => asset.roles.get(`${name}#0`) ?? null;
    const battery = roles("battery");
    const one = {
      asset,
      battery,
      load: roles("load"),
      program: roles("program"),
      speed: roles("speed"),
      errors: byName(asset, "error_list"),
      count: byName(asset, "errors"),
      actions: byName(asset, "actions"),
      charging: byName(asset, "charging"),
      lastNode: byName(asset, "last_node"),
      score: byName(asset, "localization_score"),
      localized: byName(asset, "localized"),
      mode: byName(asset, "operating_mode") ?? roles("mode"),
      route: routeSignals(asset),
      safety: safetySignals(asset),
      mark: el("span", { class: "ft-m" }),
      word: el("span"),
      since: el("span"),
      bar: new Bar(battery?.column.low ?? 0.2, battery?.column.high ?? 1, 1),
      percent: el("b"),
      weight: el("b"),
      order: el("span", { class: "ft-order" }),
      waited: el("span"),
      errorMark: el("span", { class: "ft-m" }),
      errorText: el("b"),
    };
    one.low = battery?.column.low ?? null;
    one.node = el(
      "tr",
      { tabindex: "-1", "data-id": asset.id, title: named(asset, this.lang) },
      el("td", null, el("span", { class: "ft-fleet-n" }, one.mark, el("b", null, shortName(asset.id)))),
      el("td", null, one.word),
      el("td", { class: "num" }, one.since),
      el("td", null, el("span", { class: "ft-bat" }, one.bar.node, one.percent)),
      el("td", { class: "num" }, one.weight),
      el("td", null, one.order),
      el("td", { class: "num opt" }, one.waited),
      el("td", { class: "num" }, el("span", { class: "ft-fleet-n" }, one.errorMark, one.errorText)),
    );
    one.node.addEventListener("click", () => this.select(asset.id));
    one.node.addEventListener("dblclick", () => go(assetHref(asset.id)));
    one.node.addEventListener("keydown", (event) => this.key(event, one));
    return one;
  }

  key(event, one) {
    const at = this.robots.indexOf(one);
    const move = { ArrowDown: 1, ArrowUp: -1, Home: -at, End: this.robots.length - 1 - at }[event.key];
    if (move !== undefined) this.robots[Math.min(this.robots.length - 1, Math.max(0, at + move))].node.focus();
    else if (event.key === "Enter" || event.key === " ") this.select(one.asset.id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  select(id) {
    this.props = { ...this.props, selected: id };
    this.draw();
    this.emit({ selected: id });
  }

  update(props) {
    super.update(props);
    this.draw();
  }

  hear(answer) {
    this.lately = new Map(answer.robots.map((one) => [one.asset, one]));
    this.draw();
  }

  later() {
    if (this.planned) return;
    this.planned = setTimeout(() => {
      this.planned = null;
      this.draw();
    }, DRAW_MS);
  }

  stale(signal) {
    return !signal || present.isStale(signal.stream, present.entry(signal.stream.key));
  }

  /** What a robot tells now. */
  now(one) {
    const text = (signal) => (signal ? (present.value(signal) ?? "") : "");
    const base = parseRoute(text(one.route.base) || text(one.route.path));
    const place = (name) => present.value(one.asset.roles.get(`${name}#0`));
    return { id: one.asset.id, x: place("x"), y: place("y"), yaw: place("yaw"), base, horizon: parseRoute(text(one.route.horizon)), nodes: base.nodes };
  }

  draw() {
    const counts = { total: this.robots.length, lost: 0, waits: 0, busy: 0 };
    let focusable = false;
    for (const one of this.robots) {
      const { asset } = one;
      const state = present.stateOf(asset);
      const shown = state === null ? "none" : look(state);
      if (shown === "lost") counts.lost++;
      if (shown === "wait") counts.waits++;
      if (shown === "run") counts.busy++;
      one.node.dataset.look = shown;
      setMark(one.mark, shown);
      setText(one.word, this.wordOf(one, state, shown));
      const lately = this.lately.get(asset.id);
      setText(one.since, this.lasted(lately, state));
      const charge = one.battery ? present.value(one.battery) : undefined;
      setText(one.percent, charge === undefined ? "–" : number(charge * 100));
      one.bar.draw(charge);
      toggle(one.bar.node, "is-over", charge !== undefined && one.low !== null && charge < one.low);
      setText(one.weight, one.load ? value(one.load.column, present.value(one.load) ?? NaN) : "–");
      const order = one.program ? (present.value(one.program) ?? "") : "";
      setText(one.order, order ? order.length > 10 ? `…${order.slice(-8)}` : order : "—");
      one.order.title = order;
      setText(one.waited, lately ? duration(lately.waited_s * 1000) : "–");
      const errors = one.count ? (present.value(one.count) ?? 0) : 0;
      setText(one.errorText, errors ? number(errors) : "");
      setMark(one.errorMark, errors ? "held" : "");
      one.errorMark.hidden = !errors;
      toggle(one.node, "is-stale", shown === "lost");
      const on = asset.id === this.props.selected;
      toggle(one.node, "sel", on);
      one.node.setAttribute("aria-selected", on ? "true" : "false");
      one.node.tabIndex = on ? 0 : -1;
      focusable ||= on;
    }
    if (!focusable && this.robots.length) this.robots[0].node.tabIndex = 0;
    setText(this.part.small, t("fleet.connected", { n: counts.total - counts.lost, all: counts.total }));
    setText(this.part.right, t("fleet.counts", { waits: counts.waits, busy: counts.busy }));
    this.drawOne();
  }

  /** How long a robot is in its state: "2:41", "> 60:00"; "" where that is not known yet. */
  lasted(lately, state) {
    if (!lately || lately.state !== state || lately.since_ms === null) return "";
    const long = duration(clock.now() - lately.since_ms);
    return lately.since_before ? `> ${long}` : long;
  }

  wordOf(one, state, shown) {
    if (shown === "wait") return t(one.count && present.value(one.count) > 0 ? "fleet.blocked" : "fleet.waits");
    if (one.charging && present.value(one.charging) && shown !== "lost") return t("fleet.charges");
    return state === null ? t("state.none") : stateWord(state);
  }

  /** The chosen robot; what it is made of is built once, what it says is written. */
  drawOne() {
    const one = this.robots.find((each) => each.asset.id === this.props.selected);
    const id = one?.asset.id ?? "";
    if (id !== this.shown) {
      this.shown = id;
      this.detail.replaceChildren(...(one ? this.buildOne(one) : [el("div", { class: "pg-nothing" }, el("p", null, t("fleet.choose")), el("p", { class: "mute" }, t("fleet.choose_do")))]));
    }
    if (one) this.writeOne(one);
  }

  buildOne(one) {
    const figure = (key, unit) => {
      const made = { value: el("b"), unit: el("small", { class: "unit" }, unit ?? "") };
      return { ...made, node: el("div", null, el("span", { class: "lab" }, t(key)), el("span", null, made.value, made.unit)) };
    };
    this.one = { mark: el("span", { class: "ft-m ft-m-l" }), age: el("span", { class: "age" }), note: el("p", { class: "ft-fleet-note", role: "status" }), figures: { speed: figure("fleet.speed", one.speed ? shownAs(one.speed.column).symbol : ""), battery: figure("fleet.battery", "%"), load: figure("fleet.load", "kg"), score: figure("fleet.localization") }, facts: el("dl", { class: "kv" }), nodes: el("ol", { class: "ft-route" }) };
    const { mark, age: tag, note, figures, facts, nodes } = this.one;
    const type = besideId(named(one.asset, this.lang), shortName(one.asset.id));
    return [
      el("header", { class: "card-h" }, mark, el("h2", null, shortName(one.asset.id)), el("small", null, type), el("span", { class: "r" }, tag)),
      el("div", { class: "card-b ft-scroll ft-fleet-b", tabindex: "0" }, note, el("div", { class: "ft-fleet-f" }, Object.values(figures).map((each) => each.node)), facts, el("h3", null, t("fleet.way"), " ", el("small", null, t("fleet.way_note"))), nodes),
      el("footer", { class: "card-f" }, el("a", { class: "btn", href: assetHref(one.asset.id), onclick: follow }, t("fleet.open"))),
    ];
  }

  writeOne(one) {
    const { asset } = one;
    const state = present.stateOf(asset);
    const shown = state === null ? "none" : look(state);
    const { mark, age: tag, note, figures, facts, nodes } = this.one;
    setMark(mark, shown, state === null ? null : stateWord(state));
    const newest = present.newest(asset);
    const gone = present.gone(asset);
    setText(tag, gone ? t("age.gone", { at: time(gone.t, this.zone) }) : newest ? age(present.age(newest)) : t("age.never"));
    toggle(tag, "is-stale", shown === "lost");
    const write = (name, signal, factor = 1, decimals = 0) => {
      const raw = signal ? present.value(signal) : undefined;
      setText(figures[name].value, number(raw === undefined ? NaN : raw * factor, decimals));
      toggle(figures[name].node, "is-stale", !signal || shown === "lost");
    };
    write("speed", one.speed, 1, 1);
    write("battery", one.battery, 100);
    write("load", one.load);
    const score = one.score ? present.value(one.score) : undefined;
    const localized = one.localized ? present.value(one.localized) : undefined;
    setText(figures.score.value, score !== undefined ? number(score, 2) : localized === undefined ? "–" : t(localized ? "value.yes" : "value.no"));
    const now = this.now(one);
    this.writeNote(one, now, state, shown, note);
    const lately = this.lately.get(asset.id);
    const errors = listed(one.errors ? present.value(one.errors) : null);
    const actions = listed(one.actions ? present.value(one.actions) : null);
    const mode = one.mode ? present.value(one.mode) : undefined;
    const rows = [
      ["fleet.order", one.program ? (present.value(one.program) ?? "—") : "—"],
      ["fleet.action", actions.length ? actions.map(([, type, status]) => `${t(`action.${type}`, {}, type)} ${t(`action_status.${status}`, {}, status)}`).join(", ") : "—"],
      ["fleet.pose", now.x === undefined ? "–" : `x ${number(now.x, 1)}, y ${number(now.y, 1)} m, ${number(((now.yaw ?? 0) * 180) / Math.PI)}°`],
      ["cell.mode", mode === undefined ? "–" : t(`word.${mode}`, {}, mode)],
      ["cell.safety", one.safety.length ? one.safety.map((each) => this.safetyText(each)).join(", ") : t("cell.no_safety")],
      ["fleet.hour", lately ? t("fleet.hour_of", { waits: lately.waits, waited: duration(lately.waited_s * 1000), busy: number((lately.run_ratio ?? 0) * 100) }) : "–"],
      ...errors.map((error) => ["fleet.error", this.errorText(readError(error), true)]),
    ];
    const text = JSON.stringify(rows);
    if (facts.dataset.text !== text) {
      facts.dataset.text = text;
      facts.replaceChildren(...rows.flatMap(([key, said]) => [el("dt", null, t(key)), el("dd", { class: key === "fleet.error" ? "is-wrong" : "" }, said)]));
    }
    const last = one.lastNode ? present.value(one.lastNode) : undefined;
    const way = [...(last ? [[last, "last"]] : []), ...now.base.nodes.map((node) => [node, "base"]), ...now.horizon.nodes.map((node) => [node, "horizon"])];
    const wayText = JSON.stringify(way);
    if (nodes.dataset.text !== wayText) {
      nodes.dataset.text = wayText;
      nodes.replaceChildren(...(way.length > 1 ? way.map(([node, kind]) => el("li", { class: `is-${kind}` }, el("b", null, node), el("span", null, t(`fleet.node_${kind}`)))) : [el("li", { class: "ft-empty" }, t("fleet.no_way"))]));
    }
  }

  errorText({ level, type, node, said }, whole = false) {
    const word = t(`fleet_error.${type}`, {}, type);
    const place = node ? t("fleet.at_node", { node }) : "";
    return [word, place, ...(whole ? [level && t(`fleet_level.${level}`, {}, level), word === type ? said : ""] : [])].filter(Boolean).join(", ");
  }

  safetyText(each) {
    const raw = present.value(each.signal);
    if (raw === undefined) return `${labelled(each.signal.column, this.lang)} –`;
    const word = each.signal.isText ? t(`word.${raw}`, {}, raw) : value(each.signal.column, raw);
    return `${isWell(each, raw) === false ? "▲ " : ""}${labelled(each.signal.column, this.lang)} ${word}`;
  }

  /** What keeps it from driving, in words: an error, the way that another takes, a low battery. */
  writeNote(one, now, state, shown, note) {
    const errors = listed(one.errors ? present.value(one.errors) : null);
    const lately = this.lately.get(one.asset.id);
    const long = this.lasted(lately, state);
    let text = "";
    if (shown === "lost") text = t("fleet.is_lost");
    else if (errors.length) text = [errors.map((error) => this.errorText(readError(error))).join(", "), long].filter(Boolean).join(" · ");
    else if (shown === "wait") {
      const found = inTheWay(now, this.robots.map((each) => this.now(each)).filter((each) => each.x !== undefined), this.nodes);
      text = found ? t("fleet.waits_for", { node: found.node, robot: shortName(found.robot), long }) : t("fleet.waits_long", { long });
    } else if (shown === "held" || shown === "fault") text = `${stateWord(state)} ${long}`;
    note.hidden = !text;
    toggle(note, "is-wrong", shown === "held" || shown === "fault" || errors.length > 0);
    setText(note, text);
  }
}
