// Where the time went: bars from the time there was to the time that made good parts.
import { el, svg } from "../dom.js";
import { number } from "../format.js";
import { t } from "../words.js";

/** From a row of figures: the steps in minutes for one station; a loss has its bar hang between two levels. */
export function steps(row) {
  const share = 1 / Math.max(1, row.assets) / 60;
  const whole = ((row.to_ms - row.from_ms) / 1000) * row.assets;
  const { planned_s, known_s, production_s, setup_s, delay_s, down_s } = row.totals;
  const found = [];
  let level = whole;
  const total = (name) => found.push({ name, kind: "total", from: 0, to: level * share, value: level * share });
  const loss = (name, seconds, kind = "loss") => {
    found.push({ name, kind, from: level * share, to: (level - seconds) * share, value: -seconds * share });
    level -= seconds;
  };
  total("whole");
  loss("not_planned", whole - planned_s, "planned");
  if (planned_s - known_s > 0.5 * row.assets) loss("unseen", planned_s - known_s, "unseen");
  total("planned");
  loss("breakdown", down_s);
  loss("setup", setup_s);
  loss("waiting", delay_s);
  total("production");
  const losses = row.losses_s;
  if (losses === null) return { steps: found, factors: { availability: ["planned", "production"] } };
  loss("speed", losses.speed);
  total("net");
  loss("startup_rejects", losses.startup_rejects);
  loss("rejects", losses.rejects);
  total("useful");
  return {
    steps: found,
    factors: { availability: ["planned", "production"], effectiveness: ["production", "net"], quality_ratio: ["net", "useful"] },
    production_s,
  };
}

export class WaterfallCard {
  constructor(view) {
    this.view = view;
    this.plot = el("div", { class: "oee-plot" }, el("p", { class: "ft-empty" }, t("oee.loading")));
    this.sub = el("small", null, t("oee.waterfall_per_station"));
    this.node = el("section", { class: "card oee-waterfall" }, el("header", { class: "card-h" }, el("h2", null, t("oee.waterfall")), this.sub), el("div", { class: "card-b" }, this.plot));
    this.seen = new ResizeObserver(() => this.draw());
  }

  start() {
    this.seen.observe(this.plot);
  }

  refresh() {}

  dispose() {
    this.seen.disconnect();
  }

  hear(answer) {
    this.row = answer.row;
    this.draw();
  }

  draw() {
    const [wide, tall] = [this.plot.clientWidth, this.plot.clientHeight];
    if (!this.row || wide < 50 || tall < 80) return;
    const { steps: listed, factors } = steps(this.row);
    this.plot.replaceChildren(drawing(listed, factors, this.row, wide, tall));
  }
}

function drawing(listed, factors, row, wide, tall) {
  const [left, top, bottom] = [36, 18, tall - 66];
  const step = (wide - left) / listed.length;
  const bar = Math.min(64, step * 0.66);
  const most = Math.max(1, ...listed.map((one) => Math.max(one.from, one.to)));
  const y = (value) => bottom - (value / most) * (bottom - top);
  const node = svg("svg", { width: wide, height: tall, role: "img", "aria-label": listed.map((one) => `${t(`oee.step_${one.name}`)} ${number(one.value, 1)}`).join(", ") });
  const mark = Math.max(1, 10 ** Math.floor(Math.log10(most / 3)));
  const every = [1, 2, 5, 10].map((n) => n * mark).find((n) => most / n <= 5) ?? mark * 10;
  for (let value = 0; value <= most; value += every) {
    node.append(svg("line", { x1: left, x2: wide, y1: y(value), y2: y(value), class: value ? "oee-grid" : "oee-axis" }));
    node.append(svg("text", { x: left - 6, y: y(value) + 4, class: "oee-t oee-t-end" }, number(value)));
  }
  const middle = new Map();
  listed.forEach((one, i) => {
    const x = left + (i + 0.5) * step;
    middle.set(one.name, x);
    const [high, low] = [Math.max(one.from, one.to), Math.min(one.from, one.to)];
    if (i + 1 < listed.length) node.append(svg("line", { x1: x, x2: x + step, y1: y(one.to), y2: y(one.to), class: "oee-link" }));
    node.append(svg("rect", { x: x - bar / 2, y: y(high), width: bar, height: Math.max(1, y(low) - y(high)), class: `oee-b is-${one.kind}${one.kind === "loss" && one.value > 0 ? " is-odd" : ""}` }, svg("title", null, `${t(`oee.step_${one.name}`)} ${number(one.value, 1)} ${t("unit.min")}`)));
    const says = one.kind === "total" ? number(one.value, 1) : one.value > 0 ? `+${number(one.value, 1)}` : number(one.value, 1);
    // below the bar, where that is not among the names of the axis
    const below = one.kind !== "total" && y(low) + 16 < bottom;
    node.append(svg("text", { x, y: below ? y(low) + 14 : y(high) - 6, class: "oee-t oee-t-mid oee-t-b" }, says));
    const label = svg("text", { x, y: bottom + 16, class: `oee-t oee-t-mid${one.kind === "total" ? " oee-t-b" : ""}` });
    words(t(`oee.step_${one.name}`), step).forEach((text, k) => label.append(svg("tspan", { x, dy: k ? 13 : 0 }, text)));
    node.append(label);
  });
  for (const [name, [from, to]] of Object.entries(factors)) {
    const [a, b] = [middle.get(from) + bar / 2, middle.get(to) + bar / 2];
    const kpi = row.kpis[name];
    const text = `${t(`kpi.${name}`)} ${kpi.value === null ? "–" : `${number(kpi.value * 100, 1)} %`}`;
    node.append(svg("path", { d: `M${a} ${tall - 22}v6H${b}v-6`, class: "oee-brace" }));
    const half = text.length * 3.6 + 6;
    node.append(svg("rect", { x: (a + b) / 2 - half, y: tall - 24, width: 2 * half, height: 16, class: "oee-under" }));
    node.append(svg("text", { x: (a + b) / 2, y: tall - 12, class: "oee-t oee-t-mid oee-t-b" }, text));
  }
  return node;
}

/** A label in two lines where one is too narrow. */
function words(text, wide) {
  if (text.length * 7 < wide || !/[ ·]/.test(text)) return [text];
  const half = text.length / 2;
  const breaks = [...text.matchAll(/[ ·]/g)].map((found) => found.index);
  const at = breaks.reduce((best, one) => (Math.abs(one - half) < Math.abs(best - half) ? one : best));
  return [text.slice(0, at + (text[at] === "·" ? 1 : 0)), text.slice(at + 1)];
}
