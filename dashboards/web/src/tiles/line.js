// One line: synoptic, stations with their last eight hours, what it makes, how it flows. Each part asks for itself.
import { Core } from "../component.js";
import { el } from "../dom.js";
import { FlowFigures, Hourly, Output } from "../line/output.js";
import { Stations } from "../line/stations.js";
import { Synoptic } from "../line/synoptic.js";
import { live } from "../live.js";
import { Part, viewUrl } from "../part.js";
import { present } from "../present.js";
import { onTheme } from "../theme.js";
import { mark } from "../states.js";
import { t } from "../words.js";

const STATES_MS = 10000;
const CYCLES_MS = 5000;
const PARTS_MS = 5000;
// joints come twenty times a second and say nothing here
const DRAW_MS = 250;
const LEGEND = ["run", "wait", "blocked", "idle", "stop", "held", "fault", "lost"];

export class LineView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-line-page");
    this.until(() => root.classList.remove("ft-line-page"));
    const { flow } = props;
    this.synoptic = new Synoptic(flow);
    this.stations = new Stations(flow, this.zone, (asset, state) => this.synoptic.lookOf(asset, state), (asset, state) => this.synoptic.wordOf(asset, state));
    this.output = new Output();
    this.hourly = new Hourly(this.zone);
    this.figures = new FlowFigures();
    for (const part of [this.stations, this.hourly]) this.until(() => part.dispose());
    this.until(onTheme(() => [this.stations, this.hourly].forEach((part) => part.sheet.ask())));
    this.build(flow);
    this.ask(flow.place);
    this.until(() => clearTimeout(this.planned));
    this.index();
    this.until(
      live.on("directory", () => {
        this.index();
        this.synoptic.aim();
        this.stations.aim();
        this.draw(true);
      }),
    );
    this.until(present.onChange((changed) => this.draw(changed === null || [...changed].some((key) => this.mine.has(key)))));
    this.until(present.onTick(() => this.draw(true)));
  }

  build(flow) {
    const legend = el("span", { class: "ft-legend opt" }, LEGEND.map((one) => el("span", null, mark(one), t(`look.${one}`))));
    const synoptic = el("section", { class: "card ft-line-syn", "aria-label": t("line.synoptic") }, flow.declared ? null : el("p", { class: "ft-note" }, t("line.undeclared")), this.synoptic.node);
    this.table = new Part(t("line.stations"), "flush ft-scroll", this.stations.node);
    this.table.small.textContent = t("line.window");
    this.table.right.append(legend);
    this.made = new Part(t("line.output"), "", this.output.node);
    this.made.small.textContent = t("line.window");
    this.hours = new Part(t("line.hourly"), "", this.hourly.node);
    this.hours.small.textContent = t("line.hourly_note");
    this.flowing = new Part(t("line.flow"), "", this.figures.node);
    this.flowing.small.textContent = t("line.window");
    // the figures beside the strips come with other answers: the rows are there from the beginning
    this.table.ready();
    this.root.replaceChildren(synoptic, this.table.node, el("div", { class: "ft-line-b" }, this.made.node, this.hours.node, this.flowing.node));
  }

  ask(place) {
    const of = (what) => (asOf) => viewUrl(`line/${what}`, { place }, asOf);
    this.flowing.poll(this, of("states"), (answer) => {
      this.stations.hearStates(answer);
      this.synoptic.hearBottleneck(answer.bottleneck);
      this.figures.hear(answer);
    }, STATES_MS);
    this.table.poll(this, of("cycles"), (answer) => {
      this.stations.hearCycles(answer);
      this.synoptic.hearCycles(answer.stations);
    }, CYCLES_MS);
    this.made.poll(this, of("parts"), (answer) => {
      this.stations.hearParts(answer);
      this.output.hear(answer);
    }, PARTS_MS);
    this.hours.poll(this, of("parts"), (answer) => this.hourly.hear(answer), PARTS_MS);
  }

  /** The streams that this page shows. */
  index() {
    const ids = new Set([...this.stations.ids, ...this.synoptic.gaps.map((one) => one.id), ...this.synoptic.belts.map((one) => one.id)]);
    const shown = (stream) => stream.name !== "joints";
    this.mine = new Set([...ids].flatMap((id) => live.directory.assets.get(id)?.streams.filter(shown).map((stream) => stream.key) ?? []));
  }

  draw(due) {
    if (!due || this.planned) return;
    this.planned = setTimeout(() => {
      this.planned = null;
      this.synoptic.draw();
      this.stations.draw();
      this.figures.drawWip(this.synoptic.wip());
    }, DRAW_MS);
  }
}
