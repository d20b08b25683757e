// A robot's work: the steps of its program with how long each takes, and how its cycles are spread.
import { clock } from "../clock.js";
import { Core } from "../component.js";
import { el, setStyle, setText, Sheet, toggle } from "../dom.js";
import { number } from "../format.js";
import { drawHistogram } from "../cell/histogram.js";
import { stepRows } from "../cell/steps.js";
import { live } from "../live.js";
import { Part, viewUrl } from "../part.js";
import { present } from "../present.js";
import { onTheme } from "../theme.js";
import { t } from "../words.js";

/** The cycle that is expected, with its spread; "" where nothing is. */
const expectedCycle = ({ expected_s, expected_spread_s }) => (expected_s === null ? "" : expected_spread_s === null ? `${number(expected_s, 1)} s` : `${number(expected_s, 1)} ± ${number(expected_spread_s, 1)} s`);
const STEPS_MS = 3000;
const CYCLES_MS = 10000;

export class CellView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-cell-work");
    this.until(() => root.classList.remove("ft-cell-work"));
    this.list = el("ol", { class: "ft-steps" });
    this.fill = el("i", { class: "fill" });
    this.takt = el("i", { class: "lim" });
    this.bar = el("div", { class: "abar", "aria-hidden": "true" }, this.fill, this.takt);
    this.passed = el("b");
    this.taktText = el("span");
    this.foot = el("div", { class: "ft-cycle" }, this.bar, el("div", { class: "row" }, el("span", null, t("cell.cycle_now"), " ", this.passed), this.taktText));
    this.program = new Part(t("cell.program"), "ft-program", this.list, this.foot);
    const chart = el("div", { class: "ft-histogram" });
    this.sheet = new Sheet(chart, (context, width, height) => drawHistogram(context, width, height, this.answer), t("cell.histogram"));
    this.until(() => this.sheet.dispose());
    this.until(onTheme(() => this.sheet.ask()));
    this.facts = ["median", "expected", "over", "standard", "last"].map((name) => ({ name, value: el("b") }));
    this.histogram = new Part(t("cell.histogram"), "ft-histogram-b", chart, el("div", { class: "ft-facts-r" }, this.facts.map((fact) => (fact.node = el("span", null, t(`cell.${fact.name}`), " ", fact.value)))));
    this.histogram.small.textContent = t("line.window");
    root.replaceChildren(this.program.node, this.histogram.node);
    const of = (what) => (asOf) => viewUrl(`cell/${what}`, { asset: props.asset }, asOf);
    this.program.poll(this, of("steps"), (answer) => this.hearSteps(answer), STEPS_MS);
    this.histogram.poll(this, of("cycles"), (answer) => this.hearCycles(answer), CYCLES_MS);
    this.until(live.on("directory", () => this.draw()));
    this.until(present.onTick(() => this.draw()));
  }

  hearSteps(answer) {
    this.steps = answer;
    this.draw();
  }

  hearCycles(answer) {
    this.answer = answer;
    setText(this.histogram.right, t("cell.count", { n: number(answer.count) }));
    const seconds = (s) => (s === null ? "–" : `${number(s, 1)} s`);
    const texts = { median: seconds(answer.median_s), over: answer.over_takt_ratio === null ? "–" : `${number(answer.over_takt_ratio * 100, answer.over_takt_ratio < 0.1 ? 1 : 0)} %`, standard: seconds(answer.standard_s), last: seconds(answer.last_s), expected: expectedCycle(answer) };
    for (const { name, value, node } of this.facts) {
      setText(value, texts[name]);
      node.hidden = texts[name] === "";
    }
    this.sheet.ask();
    this.draw();
  }

  draw() {
    const answer = this.steps;
    if (!answer) return;
    const now = clock.now();
    const rows = stepRows(answer.steps, answer.cycles_ms, now);
    if (!answer.known || !rows.length) this.list.replaceChildren(el("li", { class: "ft-empty" }, t(answer.known ? "cell.no_steps" : "cell.no_program")));
    else
      this.list.replaceChildren(
        ...rows.map((row, i) =>
          el("li", { class: `${row.now ? "is-now" : ""}${row.past ? "is-past" : ""}`, "aria-current": row.now ? "step" : null }, el("span", null, String(i + 1).padStart(2, "0")), el("b", null, t(`step.${row.step}`, {}, row.step)), el("span", { class: "num" }, row.s === null ? "–" : `${number(row.s, 1)} s`)),
        ),
      );
    const at = rows.findIndex((row) => row.now);
    setText(this.program.right, at < 0 ? "" : t("cell.step_of", { n: at + 1, all: rows.length }));
    const ended = answer.cycles_ms.at(-1);
    const takt = this.answer?.takt_s ?? null;
    const whole = takt ?? this.answer?.median_s ?? null;
    const passed = ended === undefined ? null : (now - ended) / 1000;
    const asset = live.directory.assets.get(this.props.asset);
    const lost = !asset || present.stateOf(asset) === "lost";
    const known = !lost && passed !== null && passed >= 0 && whole && passed < whole * 10;
    setStyle(this.fill, "width", known ? `${Math.min(100, (passed / (whole * 1.15)) * 100).toFixed(1)}%` : "0%");
    this.takt.hidden = !takt;
    if (takt) setStyle(this.takt, "left", `${(100 / 1.15).toFixed(1)}%`);
    toggle(this.bar, "is-over", known && takt && passed > takt);
    setText(this.passed, known ? `${number(passed)} s` : "–");
    setText(this.taktText, takt ? t("line.takt_is", { s: number(takt, 1) }) : t("line.no_takt"));
    toggle(this.foot, "is-stale", lost);
  }
}
