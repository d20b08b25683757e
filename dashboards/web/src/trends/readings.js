// The table under the picture: what each pen says now, at the cursors, between them, and some time ago.
import { el, setText, toggle } from "../dom.js";
import { number, shortName } from "../format.js";
import { live } from "../live.js";
import { assetHref, follow } from "../navigate.js";
import { t } from "../words.js";
import { pointAt, summed } from "./board.js";
import { penColor } from "./plot.js";

const COLUMNS = ["now", "then", "change", "a", "b", "delta", "min", "mean", "max"];

export class Readings {
  /** @param {{pick: (id: string) => void, toggle: (id: string) => void}} board */
  constructor(board) {
    this.board = board;
    this.body = el("tbody");
    this.heads = Object.fromEntries(COLUMNS.map((name) => [name, el("th", { class: `n is-${name}`, scope: "col" })]));
    this.table = el("table", { class: "tbl ft-readings" }, el("thead", null, el("tr", null, el("th", { scope: "col" }, "#"), el("th", { scope: "col" }, t("trends.signal")), el("th", { scope: "col" }, t("trends.asset")), ...Object.values(this.heads), el("th", { scope: "col" }, t("trends.unit")), el("th"))), this.body);
    this.root = el("div", { class: "ft-readings-b ft-scroll", tabindex: "0" }, this.table);
  }

  /** One row a pen; rebuilt only when the pens are others. */
  frame(pens, lang) {
    const name = `${lang} ${pens.map((pen) => `${pen.id}|${pen.label}|${pen.symbol}|${pen.n}`).join(" ")}`;
    if (name === this.framed) return;
    this.framed = name;
    this.rows = pens.map((pen) => {
      const cells = Object.fromEntries(COLUMNS.map((column) => [column, el("td", { class: `n is-${column}` })]));
      const swatch = el("button", { type: "button", class: "ft-pen", style: `--pen: var(${penColor(pen.n)})`, "aria-label": t("trends.pick", { label: pen.label }), title: t("trends.pick", { label: pen.label }), onclick: () => this.board.pick(pen.id) }, String(pen.n + 1));
      const row = el("tr", null, el("td", null, swatch), el("td", { class: "ft-reads" }, pen.label), el("td", null, el("a", { href: assetHref(pen.asset), onclick: follow, title: pen.asset }, shortName(pen.asset))), ...Object.values(cells), el("td", null, pen.symbol), el("td", null, el("button", { type: "button", class: "ft-x", "aria-label": t("trends.take_away", { label: pen.label }), title: t("trends.take_away", { label: pen.label }), onclick: () => this.board.toggle(pen.id) }, "×")));
      return { pen, row, cells };
    });
    this.body.replaceChildren(...this.rows.map((one) => one.row));
  }

  fill(pens, model, ago) {
    const { board, window: seen, hover, now } = model;
    this.frame(pens, model.lang);
    const both = board.a !== null && board.b !== null;
    const at = hover ?? Math.min(seen.to, now);
    setText(this.heads.now, hover === null ? t("trends.value") : t("trends.at_pointer"));
    setText(this.heads.then, t("trends.ago", { span: ago }));
    setText(this.heads.change, t("trends.change"));
    for (const name of ["a", "b"]) setText(this.heads[name], name.toUpperCase());
    setText(this.heads.delta, "B − A");
    for (const name of ["min", "mean", "max"]) setText(this.heads[name], t(`trends.${name}`));
    this.heads.min.title = this.heads.mean.title = this.heads.max.title = t(both ? "trends.between" : "trends.in_window");
    for (const [name, on] of [["has-then", board.shift_s], ["has-a", board.a !== null], ["has-b", board.b !== null], ["has-both", both]]) toggle(this.table, name, on);
    pens.forEach((pen, i) => {
      const { row, cells } = this.rows[i];
      toggle(row, "is-picked", pen.id === board.picked);
      const points = pen.points ?? [];
      const value = (list, moment) => pointAt(list, moment, Math.max(pen.lane.gap_ms, (seen.to - seen.from) / 100))?.mean;
      const shown = { now: value(points, at), a: board.a === null ? undefined : value(points, board.a), b: board.b === null ? undefined : value(points, board.b) };
      if (board.shift_s) shown.then = value(pen.ghosts ?? [], at - pen.shift_ms);
      const minus = (one, other) => (one === undefined || other === undefined ? undefined : one - other);
      shown.change = minus(shown.now, shown.then);
      shown.delta = minus(shown.b, shown.a);
      const [from, to] = both ? [Math.min(board.a, board.b), Math.max(board.a, board.b)] : [seen.from, seen.to];
      Object.assign(shown, summed(points, from, to, pen.lane.gap_ms));
      for (const name of COLUMNS) {
        const read = shown[name];
        const signed = (name === "change" || name === "delta") && read > 0 ? "+" : "";
        setText(cells[name], read === undefined ? (pen.lane.failed && name === "now" ? t("trends.failed") : "–") : signed + number(read * pen.factor, pen.decimals));
      }
      row.title = pen.lane.failed ? t("error.trend", { detail: pen.lane.failed }) : live.directory.signals.has(pen.id) ? "" : t("trend.unknown", { id: pen.id });
    });
  }
}
