// State, mode and what an asset says of its safety: emergency stop, guard, zone. What it does not say is not made up.
import { isWell, safetySignals } from "../cell/safety.js";
import { Core } from "../component.js";
import { labelled } from "../directory.js";
import { el, setText, toggle } from "../dom.js";
import { value } from "../format.js";
import { live } from "../live.js";
import { present } from "../present.js";
import { look, setMark } from "../states.js";
import { stateWord, t } from "../words.js";

export class SafetyView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-safety");
    this.until(() => root.classList.remove("ft-safety"));
    this.until(live.on("directory", () => this.build()));
    this.until(present.onChange((changed) => this.draw(changed)));
    this.until(present.onTick(() => this.draw(null)));
    this.build();
  }

  build() {
    const asset = (this.asset = live.directory.assets.get(this.props.asset));
    this.rows = [];
    this.root.replaceChildren();
    if (!asset) return;
    this.mark = el("span", { class: "ft-m" });
    this.word = el("b");
    this.state = el("div", null, el("span", { class: "lab" }, t("line.state")), el("span", { class: "ft-safe-v" }, this.mark, this.word));
    const mode = asset.roles.get("mode#0");
    const listed = [...(mode ? [{ kind: "mode", signal: mode }] : []), ...safetySignals(asset)];
    this.root.append(this.state, ...listed.map((one) => this.row(one)));
    if (listed.length === (mode ? 1 : 0)) this.root.append(el("div", { class: "ft-safe-none" }, el("span", { class: "lab" }, t("cell.safety")), el("span", null, t("cell.no_safety"))));
    this.draw(null);
  }

  row(one) {
    const row = { ...one, shown: el("b"), mark: el("span", { class: "ft-m" }) };
    row.node = el("div", { title: one.signal.id }, el("span", { class: "lab" }, one.kind === "mode" ? t("cell.mode") : labelled(one.signal.column, this.lang)), el("span", { class: "ft-safe-v" }, row.mark, row.shown));
    this.rows.push(row);
    return row.node;
  }

  draw(changed) {
    if (!this.asset) return;
    const mine = !changed || this.asset.streams.some((stream) => changed.has(stream.key));
    if (!mine) return;
    const state = present.stateOf(this.asset);
    setMark(this.mark, state === null ? "none" : look(state));
    setText(this.word, state === null ? t("state.none") : stateWord(state));
    for (const row of this.rows) {
      const { signal } = row;
      const raw = present.value(signal);
      const stale = present.isStale(signal.stream, present.entry(signal.stream.key));
      const word = raw === undefined ? "–" : signal.isText ? t(`word.${raw}`, {}, raw) : value(signal.column, raw);
      setText(row.shown, word);
      toggle(row.node, "is-stale", stale);
      if (row.kind === "mode") continue;
      const well = isWell(row, raw);
      toggle(row.node, "is-wrong", well === false && !stale);
      setMark(row.mark, stale || well === null ? "lost" : well ? "run" : "fault", t(well === null ? "quality.absent" : well ? "cell.well" : "cell.wrong"));
    }
  }
}
