// What differs, in rows: signals, events that only one side has, KPIs.
import { el } from "../dom.js";
import { number, shortName, shownAs, value as valueText } from "../format.js";
import { stateWord, t } from "../words.js";
import { columnOf, nameOf } from "./plot.js";

const MOST_ROWS = 200;
const KPIS = ["oee", "availability", "effectiveness", "quality_ratio", "throughput", "cycle_time", "energy_per_part", "mtbf", "mttr"];

/** The rows of a list that are asked for: those that differ, of one kind of side, of a word in their name. Pure. */
export function chosenRows(rows, { all, word }) {
  const wanted = word.trim().toLowerCase();
  return rows.filter((row) => (all || row.only || row.relative > 0 || row.relative === null) && (!wanted || row.signal.toLowerCase().includes(wanted)));
}

const head = (...names) => el("thead", null, el("tr", null, names.map((name, i) => el("th", { class: i ? "num" : "", scope: "col" }, name))));

/** Rows of signals; a click or Enter puts one into the trends. */
export function signalTable(rows, { lang, drawn, choose }) {
  const shown = rows.slice(0, MOST_ROWS);
  const body = shown.map((row) => {
    const column = columnOf(row.signal, row.unit);
    const { factor, decimals, symbol } = shownAs(column);
    const fine = (x) => (x === null ? "–" : number(x * factor, Math.max(2, decimals)));
    const on = drawn.includes(row.signal);
    const numeric = row.rms !== null;
    const share = row.relative ?? 0;
    const only = row.only ? t(`compare.only_${row.only}`) : row.why ? t("compare.untold") : null;
    const name = el("td", null, el("span", { class: "cmp-name" }, nameOf(row.signal, lang, row.unit)), " ", el("small", null, symbol ?? ""));
    const cells = only
      ? [el("td", { class: "num", colspan: 4 }, only)]
      : [
          el("td", { class: "num" }, numeric ? fine(row.rms) : t("compare.unequal", { n: number((row.unequal ?? 0) * 100, 1) })),
          el("td", { class: "num", title: row.at_s === null ? "" : `${number(row.at_s, 2)} s` }, numeric ? fine(row.max) : wordAt(row)),
          el("td", { class: "num", title: row.confidence === null ? "" : t("compare.confidence", { n: number(row.confidence, 3) }) }, row.lag_ms === null ? "–" : number(row.lag_ms / 1000, 2)),
          el("td", { class: "cmp-bar-c" }, el("i", { class: "cmp-bar" }, el("i", { style: `width:${(share * 100).toFixed(1)}%` }))),
        ];
    const tr = el("tr", { class: on ? "sel" : "", title: row.signal, "aria-selected": numeric ? String(on) : null, tabindex: numeric ? "0" : null }, name, cells);
    if (numeric) {
      tr.addEventListener("click", () => choose(row.signal));
      tr.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        choose(row.signal);
      });
    }
    return tr;
  });
  const table = el("table", { class: "tbl cmp-tbl" }, head(t("compare.signal"), "RMS", t("compare.max"), t("compare.lag"), t("compare.relative")), el("tbody", null, body));
  return rows.length > shown.length ? [table, el("p", { class: "cap cmp-more" }, t("compare.more", { n: rows.length - shown.length }))] : [table];
}

function wordAt(row) {
  if (row.at_s === null) return "–";
  const told = (word) => (row.kind === "flag" ? valueText({ kind: "flag" }, Number(word)) : row.kind === "state" ? stateWord(word) : word);
  return `${told(row.a)} / ${told(row.b)}`;
}

/** Events of both sides that the other has not, in order of time; a click goes there. */
export function eventList(a, b, seek) {
  const rows = [...a.map((one) => ["a", one]), ...b.map((one) => ["b", one])].sort(([, x], [, y]) => x.t_s - y.t_s);
  if (!rows.length) return el("p", { class: "ft-empty" }, t("compare.no_events"));
  return el("ul", { class: "cmp-events" }, rows.map(([side, one]) => {
    const text = one.kind === "StateChanged" ? stateWord(one.text) : one.text;
    return el("li", null, el("button", { type: "button", onclick: () => seek(one.t_s), title: `${one.asset} ${one.text}` }, el("b", { class: `is-${side}` }, t(`compare.only_${side}`)), el("span", { class: "num" }, `${number(one.t_s, 1)} s`), el("b", null, shortName(one.asset)), el("span", { class: "cmp-say" }, `${t(`compare.kind_${one.kind}`, {}, one.kind)} ${text}`)));
  }));
}

/** KPIs of the site and its lines; of one asset's where only that was asked for. */
export function kpiTable(rows) {
  const wide = rows.filter((row) => row.level !== "asset");
  const listed = (wide.length ? wide : rows).filter((row) => KPIS.includes(row.name) && (row.a !== null || row.b !== null));
  if (!listed.length) return el("p", { class: "ft-empty" }, t("compare.no_kpis"));
  const said = (value, unit) => (value === null ? "–" : unit === "1" ? number(value * 100, 1) : number(value, 2));
  let of = null;
  const body = listed.flatMap((row) => {
    const lines = [];
    if (row.of !== of) lines.push(el("tr", { class: "cmp-of" }, el("th", { colspan: 4, scope: "rowgroup" }, row.of || t("compare.site"))));
    of = row.of;
    const unit = row.unit === "1" ? "%" : row.unit;
    const sign = row.difference > 0 ? "+" : "";
    lines.push(el("tr", null, el("td", null, t(`kpi.${row.name}`, {}, row.name), " ", el("small", null, unit)), el("td", { class: "num" }, said(row.a, row.unit)), el("td", { class: "num" }, said(row.b, row.unit)), el("td", { class: "num" }, el("b", null, row.difference === null ? "–" : `${sign}${said(row.difference, row.unit)}`))));
    return lines;
  });
  return el("table", { class: "tbl cmp-kpis" }, head(t("compare.kpi"), "A", "B", "A − B"), el("tbody", null, body));
}
