// Every signal of one asset: value, unit, bar, quality, age; the joints of an arm as one compact table.
import { Bar } from "../bar.js";
import { Core } from "../component.js";
import { labelled } from "../directory.js";
import { el, setText, toggle } from "../dom.js";
import { age, number, shownAs, time, value } from "../format.js";
import { live } from "../live.js";
import { present } from "../present.js";
import { look, setMark } from "../states.js";
import { stateWord, t } from "../words.js";

const JOINT_ROLES = ["joint_position", "joint_velocity", "joint_effort", "joint_temperature"];
const QUALITY_WORDS = { 0: "quality.bad", 64: "quality.uncertain", 68: "quality.clock_ahead", 500: "quality.stale" };

export class SignalsView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-signals");
    this.until(() => root.classList.remove("ft-signals"));
    this.until(live.on("directory", () => this.build()));
    this.until(present.onChange((changed) => this.draw(changed)));
    this.until(present.onTick(() => this.draw(null)));
    this.build();
  }

  build() {
    const asset = live.directory.assets.get(this.props.asset);
    this.cells = new Map();
    this.heads = [];
    this.nodes = new Map();
    this.root.replaceChildren();
    if (!asset) {
      this.root.append(el("p", { class: "ft-empty" }, live.directory.empty ? t("wait.directory") : t("signals.unknown_asset", { id: this.props.asset ?? "" })));
      return;
    }
    const joints = this.joints(asset);
    if (joints) this.root.append(joints.node);
    for (const stream of asset.streams) {
      const listed = [];
      const add = (column, at, isText) => {
        if (JOINT_ROLES.includes(column.role) && joints) return;
        listed.push(this.row({ id: `${asset.id}:${column.name}`, asset: asset.id, stream, column, at, isText }, asset));
      };
      stream.texts.forEach((column, at) => add(column, at, true));
      stream.columns.forEach((column, at) => add(column, at, false));
      if (listed.length) this.root.append(el("section", { class: "ft-stream" }, this.head(stream, joints && stream === joints.stream ? t("joints.tool") : null), el("div", { class: "ft-rows" }, listed)));
    }
    if (!asset.streams.length) this.root.append(el("p", { class: "ft-empty" }, t("signals.none")));
    this.update(this.props);
    this.draw(null);
  }

  head(stream, title = null) {
    const tag = el("span", { class: "age" });
    this.heads.push({ stream, tag });
    const every = stream.period_s ? (stream.period_s < 1 ? `${number(1 / stream.period_s)} Hz` : t("signals.every", { span: `${number(stream.period_s, stream.period_s % 1 ? 1 : 0)} s` })) : t("signals.on_change");
    return el("header", { class: "ft-stream-h" }, el("h3", null, title ?? t(`stream.${stream.name}`, {}, stream.name)), el("small", null, every), tag);
  }

  /** Keep a cell that shows a signal, to be drawn when its stream changes. */
  keep(signal, cell) {
    const key = signal.stream.key;
    if (!this.cells.has(key)) this.cells.set(key, []);
    this.cells.get(key).push({ signal, ...cell });
    if (!this.nodes.has(signal.id)) this.nodes.set(signal.id, []);
    if (cell.pick) this.nodes.get(signal.id).push(cell.pick);
  }

  pickable(node, signal) {
    node.classList.add("is-pickable");
    node.tabIndex = 0;
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", t("signals.show_trend", { label: labelled(signal.column, this.lang) }));
    const pick = () => this.emit({ selected: signal.id });
    node.addEventListener("click", pick);
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      pick();
    });
    return node;
  }

  row(signal, asset) {
    const { column } = signal;
    const top = column.role === "level" ? (asset.roles.get("capacity#0") ?? null) : null;
    const bar = !signal.isText && column.kind === "gauge" && Bar.possible(column.low, column.high, top ? 1 : null) ? new Bar(column.low, column.high, top ? 1 : null) : null;
    const shown = el("b");
    const tag = el("span", { class: "ft-quality" });
    const markHolder = signal.isText && column.role === "state" ? el("span", { class: "ft-m" }) : null;
    const unit = signal.isText ? "" : shownAs(column).symbol;
    const { factor, decimals } = signal.isText ? {} : shownAs(column);
    const range = bar && !top ? `${number(column.low * factor, Math.min(decimals, 2))} – ${number(column.high * factor, Math.min(decimals, 2))}` : "";
    const node = el(
      "div",
      { class: "ft-sig", title: `${column.source_name || column.name} · ${signal.id}` },
      el("span", { class: "ft-label" }, labelled(column, this.lang)),
      el("span", { class: "ft-barcell" }, bar?.node ?? null),
      el("span", { class: `ft-value${signal.isText ? " is-text" : ""}` }, tag, markHolder, shown, unit ? el("small", { class: "unit" }, unit) : null),
      el("span", { class: "ft-range" }, range),
    );
    const numeric = !signal.isText;
    this.keep(signal, { node, shown, bar, tag, top, markHolder, pick: numeric ? this.pickable(node, signal) : null });
    return node;
  }

  joints(asset) {
    const count = [...asset.roles.values()].filter((signal) => signal.column.role === "joint_position").length;
    if (!count) return null;
    const first = asset.roles.get("joint_position#0") ?? [...asset.roles.values()].find((signal) => signal.column.role === "joint_position");
    const has = (role) => [...asset.roles.keys()].some((name) => name.startsWith(`${role}#`));
    const shown = JOINT_ROLES.filter(has);
    const heads = { joint_position: [t("joints.angle"), t("joints.range")], joint_velocity: [t("joints.speed")], joint_effort: [t("joints.torque"), t("joints.torque_limit")], joint_temperature: [t("joints.temperature")] };
    const unit = (role) => {
      const signal = asset.roles.get(`${role}#0`);
      return signal ? shownAs(signal.column).symbol : "";
    };
    const table = el("table", { class: "ft-joints" });
    table.append(
      el(
        "thead",
        null,
        el("tr", null, el("th", null, t("joints.joint")), shown.flatMap((role) => heads[role].map((head, i) => (i ? el("th", { class: "bar" }, head) : el("th", { class: "num" }, head, " ", el("small", { class: "unit" }, unit(role))))))),
      ),
    );
    const body = el("tbody");
    for (let i = 0; i < count; i++) {
      const row = el("tr", null, el("th", { scope: "row" }, `J${i + 1}`));
      for (const role of shown) {
        const signal = asset.roles.get(`${role}#${i}`);
        const cell = el("td", { class: "num" });
        const barCell = heads[role].length > 1 ? el("td", { class: "bar" }) : null;
        if (signal) {
          const bar = barCell && Bar.possible(signal.column.low, signal.column.high) ? this.jointBar(signal, role) : null;
          if (bar) barCell.append(bar.node);
          const number_ = el("b");
          cell.append(number_);
          this.keep(signal, { node: cell, shown: number_, bar, tag: null, top: null, markHolder: null, magnitude: role === "joint_effort", pick: this.pickable(cell, signal), also: barCell });
          if (barCell) {
            barCell.classList.add("is-pickable");
            barCell.addEventListener("click", () => this.emit({ selected: signal.id }));
          }
        }
        row.append(cell);
        if (barCell) row.append(barCell);
      }
      body.append(row);
    }
    table.append(body);
    return { stream: first.stream, node: el("section", { class: "ft-stream ft-joint-card" }, this.head(first.stream, t("joints.title")), table) };
  }

  /** Torque is judged by its size: the bar starts at zero. */
  jointBar(signal, role) {
    const { low, high } = signal.column;
    return role === "joint_effort" && low < 0 ? new Bar(0, Math.max(-low, high)) : new Bar(low, high);
  }

  update(props) {
    super.update(props);
    const selected = new Set([props.selected, ...(props.signals ?? [])].filter(Boolean));
    for (const [id, picks] of this.nodes) for (const node of picks) toggle(node, "is-selected", selected.has(id));
  }

  draw(changed) {
    for (const [key, cells] of this.cells) {
      if (changed && !changed.has(key)) continue;
      const stream = cells[0].signal.stream;
      const entry = present.entry(key);
      const stale = present.isStale(stream, entry);
      for (const cell of cells) this.drawCell(cell, entry, stale);
    }
    for (const { stream, tag } of this.heads) {
      if (changed && !changed.has(stream.key)) continue;
      const entry = present.entry(stream.key);
      const stale = present.isStale(stream, entry);
      const asset = live.directory.assets.get(stream.asset);
      const gone = entry && asset ? present.gone(asset) : null;
      setText(tag, gone ? t("age.gone", { at: time(gone.t, this.zone) }) : entry ? age(present.age(entry)) : t("age.never"));
      toggle(tag, "is-stale", stale);
    }
  }

  drawCell(cell, entry, stale) {
    const { signal, shown, bar, tag, top, markHolder } = cell;
    const raw = present.value(signal);
    if (signal.isText) {
      const isState = signal.column.role === "state";
      setText(shown, raw === undefined ? "–" : isState ? stateWord(raw) : signal.column.kind === "state" ? t(`word.${raw}`, {}, raw) : raw);
      if (markHolder) setMark(markHolder, stale ? "lost" : look(raw));
    } else setText(shown, value(signal.column, raw ?? NaN));
    if (top) {
      const capacity = present.value(top);
      if (capacity > 0) bar.set(null, null, capacity);
    }
    const over = bar ? bar.draw(cell.magnitude && raw !== undefined ? Math.abs(raw) : raw) : false;
    toggle(cell.node, "is-over", over && !stale);
    toggle(cell.node, "is-stale", stale);
    if (cell.also) toggle(cell.also, "is-stale", stale);
    if (tag) {
      const quality = entry && QUALITY_WORDS[entry.q];
      setText(tag, quality ? t(quality) : raw === undefined && entry ? t("quality.absent") : stale && entry ? t("quality.stale") : over ? t("value.outside") : "");
      toggle(tag, "is-over", over && !stale && !quality);
    }
  }
}
