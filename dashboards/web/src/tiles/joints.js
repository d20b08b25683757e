// An arm seen close: a row a joint with angle, speed, torque and temperature, each within its limits; tool and load.
import { Bar } from "../bar.js";
import { ModelColumn } from "../cell/model.js";
import { Peak } from "../cell/peaks.js";
import { Core } from "../component.js";
import { labelled } from "../directory.js";
import { el, setStyle, setText, toggle } from "../dom.js";
import { age, number, shownAs, time, value } from "../format.js";
import { live } from "../live.js";
import { viewUrl } from "../part.js";
import { Poll } from "../poll.js";
import { present } from "../present.js";
import { t } from "../words.js";

const QUANTITIES = [
  { role: "joint_position", head: "joints.angle", signed: true },
  { role: "joint_velocity", head: "joints.speed", signed: true },
  { role: "joint_effort", head: "joints.torque", signed: false },
  { role: "joint_temperature", head: "joints.temperature", signed: true },
];
const MODEL_MS = 2000;
const TOOL_ROLES = ["tool_opening", "tool_force", "power", "load"];

export class JointsView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-cell-joints");
    this.until(() => root.classList.remove("ft-cell-joints"));
    this.until(live.on("directory", () => this.build()));
    this.until(present.onChange((changed) => this.draw(changed)));
    this.until(present.onTick(() => this.draw(null)));
    this.model = new ModelColumn();
    this.build();
    // What fails here leaves the joints as they are: the column goes, as where nothing is expected.
    const poll = new Poll((asOf) => viewUrl("cell/expected", { asset: props.asset }, asOf), (answer) => this.hearModel(answer), MODEL_MS, (message) => message !== null && this.hearModel(null));
    this.until(() => poll.dispose());
  }

  build() {
    const asset = live.directory.assets.get(this.props.asset);
    this.asset = asset;
    this.cells = [];
    this.root.replaceChildren();
    if (!asset) {
      this.root.append(el("p", { class: "ft-empty" }, live.directory.empty ? t("wait.directory") : t("signals.unknown_asset", { id: this.props.asset ?? "" })));
      return;
    }
    this.age = el("span", { class: "age" });
    const of = (role) => [...asset.roles.values()].filter((signal) => signal.column.role === role);
    const has = QUANTITIES.filter(({ role }) => of(role).length);
    const shows = this.model.known;
    const count = Math.max(0, ...has.flatMap(({ role }) => of(role).map((signal) => signal.column.index + 1)));
    const table = el("div", { class: "ft-jt", role: "table", "aria-label": t("joints.title"), style: `--quantities: ${has.length + (shows ? 1 : 0)}` });
    if (count) {
      const heads = has.map(({ role, head }) => el("span", { class: "ft-th", role: "columnheader" }, t(head), " ", el("small", { class: "unit" }, shownAs(of(role)[0].column).symbol)));
      if (shows) heads.push(this.model.head());
      table.append(el("div", { class: "ft-jt-r is-head", role: "row" }, el("span", { class: "ft-th", role: "columnheader" }, t("joints.joint")), heads));
    }
    for (let i = 0; i < count; i++) table.append(el("div", { class: "ft-jt-r", role: "row" }, el("b", { role: "rowheader" }, `J${i + 1}`), has.map((quantity) => this.cell(asset.roles.get(`${quantity.role}#${i}`), quantity, i)), shows ? this.model.cell(i, asset.roles.get(`effort_residual#${i}`), asset.roles.get(`joint_effort#${i}`)?.column, (id) => this.emit({ selected: id })) : null));
    const tool = TOOL_ROLES.flatMap((role) => of(role).slice(0, 1)).map((signal) => this.tool(signal));
    const declared = typeof asset.attributes?.part_kg === "number" ? el("div", { class: "ft-tool" }, el("span", { class: "lab" }, t("cell.part")), el("span", { class: "ft-value" }, el("b", null, number(asset.attributes.part_kg, 1)), el("small", { class: "unit" }, "kg")), el("small", { class: "cap" }, t("cell.declared"))) : null;
    this.root.append(
      el("header", { class: "card-h" }, el("h2", null, t("joints.title")), el("small", null, t("cell.joints_note")), shows ? this.model.legend() : null, el("span", { class: "r" }, this.age)),
      count ? table : el("p", { class: "ft-empty" }, t("cell.no_joints")),
      tool.length || declared ? el("div", { class: "ft-tools" }, tool, declared) : null,
    );
    this.update(this.props);
    this.draw(null);
  }

  hearModel(answer) {
    const shown = this.model.known;
    this.model.hear(answer, this.zone);
    if (this.model.known !== shown) this.build();
    this.model.draw();
  }

  cell(signal, quantity, i) {
    if (!signal) return el("span", { role: "cell", class: "ft-jt-c is-none" }, "–");
    const { column } = signal;
    const sized = !quantity.signed && column.low < 0;
    const [low, high] = sized ? [0, Math.max(-column.low, column.high)] : [column.low, column.high];
    const bar = Bar.possible(low, high) ? new Bar(low, high) : null;
    const { factor, decimals } = shownAs(column);
    const edge = (x) => number(x * factor, x && Math.abs(x * factor) < 10 ? decimals : 0);
    const shown = el("b");
    const peak = quantity.role === "joint_effort" && bar ? el("i", { class: "peak", hidden: true }) : null;
    if (peak) bar.node.append(peak);
    const limits = bar ? el("small", { class: "ft-jt-l" }, el("span", null, edge(low)), el("span", null, edge(high))) : null;
    const node = el("span", { role: "cell", class: "ft-jt-c is-pickable", tabindex: "0", "data-signal": signal.id, "aria-label": t("signals.show_trend", { label: `J${i + 1} ${t(quantity.head)}` }) }, shown, el("span", { class: "ft-jt-b" }, bar?.node ?? null, limits));
    const pick = () => this.emit({ selected: signal.id });
    node.addEventListener("click", pick);
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      pick();
    });
    this.cells.push({ signal, node, shown, bar, sized, peak, peaks: peak ? new Peak() : null });
    return node;
  }

  tool(signal) {
    const { column } = signal;
    const bar = Bar.possible(column.low, column.high) ? new Bar(column.low, column.high) : null;
    const shown = el("b");
    const node = el("div", { class: "ft-tool" }, el("span", { class: "lab" }, labelled(column, this.lang)), el("span", { class: "ft-value" }, shown, el("small", { class: "unit" }, shownAs(column).symbol)), bar?.node ?? null);
    this.cells.push({ signal, node, shown, bar });
    return node;
  }

  update(props) {
    super.update(props);
    const selected = new Set([props.selected, ...(props.signals ?? [])].filter(Boolean));
    for (const { node, signal } of [...this.cells, ...this.model.cells]) if (node.dataset.signal) toggle(node, "is-selected", selected.has(signal.id));
  }

  draw(changed) {
    if (!this.asset) return;
    for (const cell of this.cells) {
      const { stream } = cell.signal;
      if (changed && !changed.has(stream.key)) continue;
      this.drawCell(cell, present.entry(stream.key));
    }
    const newest = present.newest(this.asset);
    const gone = present.gone(this.asset);
    const stale = present.stateOf(this.asset) === "lost";
    setText(this.age, gone ? t("age.gone", { at: time(gone.t, this.zone) }) : newest ? age(present.age(newest)) : t("age.never"));
    toggle(this.age, "is-stale", stale);
  }

  drawCell(cell, entry) {
    const { signal, shown, bar, sized } = cell;
    const raw = present.value(signal);
    const stale = present.isStale(signal.stream, entry);
    setText(shown, value(signal.column, raw ?? NaN));
    const size = raw !== undefined && sized ? Math.abs(raw) : raw;
    const over = bar ? bar.draw(size) : false;
    toggle(cell.node, "is-over", over && !stale);
    toggle(cell.node, "is-stale", stale);
    if (cell.peak && raw !== undefined && entry) {
      const most = cell.peaks.see(entry.t, size);
      cell.peak.hidden = false;
      setStyle(cell.peak, "left", `${Math.min(100, Math.max(0, ((most - bar.from) / (bar.to - bar.from)) * 100)).toFixed(1)}%`);
      cell.node.title = t("cell.peak", { n: value(signal.column, most) });
    }
  }
}
