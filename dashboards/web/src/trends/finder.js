// Finding signals by what people call them, one click to draw one; and the groups of pens that were kept.
import { labelled, named } from "../directory.js";
import { el, setText } from "../dom.js";
import { shortName, shownAs } from "../format.js";
import { live } from "../live.js";
import { t } from "../words.js";

const MOST = 80;
const SEARCH_MS = 120;

/** Signals that can be drawn, with what they are found by; in the order of assets and streams. */
export function findable(directory, lang) {
  const found = [];
  for (const signal of directory.signals.values()) {
    if (signal.isText) continue;
    const asset = directory.assets.get(signal.asset);
    const type = directory.types[asset?.type];
    const label = labelled(signal.column, lang);
    const words = [signal.id, label, signal.column.label?.ko, signal.column.label?.en, signal.column.source_name, asset?.name?.ko, asset?.name?.en, type?.ko, type?.en];
    found.push({ signal, label, asset: asset ? named(asset, lang) : shortName(signal.asset), text: words.filter(Boolean).join(" ").toLowerCase() });
  }
  return found.sort((one, other) => one.signal.asset.localeCompare(other.signal.asset, undefined, { numeric: true }));
}

/** Those that hold every word of a question; with none, those of the assets already drawn, then the rest. */
export function matching(list, question, assets = new Set()) {
  const words = question.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) return list.filter((one) => words.every((word) => one.text.includes(word)));
  return [...list.filter((one) => assets.has(one.signal.asset)), ...list.filter((one) => !assets.has(one.signal.asset))];
}

export class Finder {
  /** @param {{lang: () => string, toggle: (id: string) => void, pens: () => string[]}} board */
  constructor(board) {
    this.board = board;
    this.search = el("input", { type: "search", class: "ft-find-in", placeholder: t("trends.search"), "aria-label": t("trends.search"), autocomplete: "off", spellcheck: "false" });
    this.list = el("ul", { class: "ft-find-list ft-scroll", "aria-label": t("trends.signals") });
    this.more = el("p", { class: "ft-find-more", role: "status" });
    this.root = el("section", { class: "ft-find card" }, el("header", { class: "card-h" }, el("h2", null, t("trends.signals"))), this.search, this.list, this.more);
    this.search.addEventListener("input", () => {
      clearTimeout(this.planned);
      this.planned = setTimeout(() => this.draw(), SEARCH_MS);
    });
    this.root.addEventListener("keydown", (event) => this.keys(event));
    this.learn();
  }

  learn() {
    this.all = findable(live.directory, this.board.lang());
    this.draw();
  }

  draw() {
    const pens = this.board.pens();
    const assets = new Set(pens.map((id) => id.slice(0, id.lastIndexOf(":"))));
    const found = matching(this.all, this.search.value, assets);
    const rows = [];
    let asset = null;
    for (const one of found.slice(0, MOST)) {
      if (one.signal.asset !== asset) rows.push(el("li", { class: "is-head", title: one.signal.asset }, el("b", null, shortName(one.signal.asset)), el("small", null, one.asset)));
      asset = one.signal.asset;
      const on = pens.includes(one.signal.id);
      const { symbol } = shownAs(one.signal.column);
      rows.push(el("li", null, el("button", { type: "button", class: on ? "on" : "", "aria-pressed": String(on), title: one.signal.id, onclick: () => this.board.toggle(one.signal.id) }, el("i", null, on ? "✓" : "+"), el("span", null, one.label), el("small", null, symbol))));
    }
    const at = this.list.scrollTop;
    this.list.replaceChildren(...rows);
    this.list.scrollTop = at;
    setText(this.more, found.length ? (found.length > MOST ? t("trends.more", { n: found.length - MOST }) : "") : live.directory.empty ? t("wait.directory") : t("trends.none_found"));
  }

  keys(event) {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const buttons = [...this.list.querySelectorAll("button")];
    const next = buttons.indexOf(document.activeElement) + way;
    if (next < 0) this.search.focus();
    else buttons[Math.min(next, buttons.length - 1)]?.focus();
  }

  dispose() {
    clearTimeout(this.planned);
  }
}
