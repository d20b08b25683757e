// The catalogue of datasets, made here and taken in from others, with what each tells of itself when it is opened.
import { el } from "../dom.js";
import { date, minute, monthDay, number } from "../format.js";
import { t } from "../words.js";

export const ORIGINS = ["real", "simulated", "replay", "augmented", "unknown"];
const HEADS = [["name", ""], ["version", ""], ["way", ""], ["episodes", "num"], ["hours", "num"], ["origin", ""], ["labelled", "num opt"], ["state", "opt"], ["licence", ""], ["privacy", "opt"], ["check", ""]];

/** Shares of all seconds by where they come from, only those that are there. */
export function origins(split) {
  const total = Object.values(split).reduce((sum, one) => sum + one, 0);
  return ORIGINS.filter((name) => split[name] > 0).map((name) => [name, split[name] / total]);
}

/** What the last check of its files found: "ok", "wrong" or "open" where nobody checked since. */
export const stateOf = (one) => (one.checked_ms === null ? "open" : one.problems.length ? "wrong" : "ok");

/** The whole lineage, those before those before it too, the nearest first. */
export const ancestors = (lineage, depth = 0) => lineage.flatMap((one) => [{ ...one, depth }, ...(depth < 8 ? ancestors(one.derived_from ?? [], depth + 1) : [])]);

export const keyOf = (one) => `${one.id} ${one.version} ${one.format}`;

function bar(split) {
  const shares = origins(split);
  const label = shares.map(([name, share]) => `${t(`hub.origin_${name}`)} ${number(share * 100, 1)} %`).join(", ");
  const node = el("span", { class: "hub-split", role: "img", "aria-label": label, title: label });
  for (const [name, share] of shares) {
    const part = el("i", { class: `is-${name}` });
    part.style.width = `${share * 100}%`;
    node.append(part);
  }
  return node;
}

/** Everything else that a dataset tells, as pairs of a word and what is told. */
function details(one, view) {
  const pairs = [
    ["assets", one.assets.join(", ")],
    ["period", one.begin ? `${one.begin} – ${one.end}` : ""],
    ["contact", one.contact],
    ["entered", `${date(one.at_ms, view.zone)} ${minute(one.at_ms, view.zone)}`],
    ["exporter", one.exporter],
    ["taken_out", privacy(one.privacy).join(" · ")],
  ].filter(([, text]) => text);
  const changes = el("ol", { class: "hub-changes" }, [...one.changelog].reverse().map((part) => el("li", null, el("b", null, part.version), " ", part.changes)));
  const family = ancestors(one.lineage);
  const line = (part) => {
    const row = el("li", null, el("b", null, part.id), ` ${part.version} `, el("span", { class: "hub-licence" }, part.licence), part.contact ? ` ${part.contact}` : null, el("code", { title: part.provenance_sha256 }, (part.provenance_sha256 ?? "").slice(0, 8)));
    row.style.marginLeft = `${part.depth * 16}px`;
    return row;
  };
  return el(
    "div", { class: "hub-more" },
    el("dl", null, pairs.flatMap(([word, text]) => [el("dt", null, t(`hub.more_${word}`)), el("dd", null, text)]), el("dt", null, "SHA256SUMS"), el("dd", null, el("code", null, one.sums))),
    el("div", null, el("h3", null, t("hub.more_changes")), changes),
    el("div", null, el("h3", null, t("hub.more_lineage")), family.length ? el("ul", { class: "hub-lineage" }, family.map(line)) : el("p", { class: "mute" }, t("hub.lineage_none"))),
    one.problems.length ? el("div", null, el("h3", null, t("hub.more_problems")), el("ul", { class: "hub-problems" }, one.problems.map((text) => el("li", null, text)))) : null,
  );
}

/** In words, what was taken out before it went out. */
export function privacy(claims) {
  const by = claims.time?.by;
  return [
    claims.pseudonyms ? t("hub.private_pseudonyms") : null,
    claims.parts ? t("hub.private_parts") : null,
    claims.time ? (by === "random" ? t("hub.private_time_random") : t("hub.private_time", { s: number(by ?? 0) })) : null,
  ].filter(Boolean);
}

/** The table; `view` gives names in the language, shapes and the zone, `open` holds the keys of rows that are open. */
export function catalogueTable(datasets, view, open, toggle) {
  const body = datasets.flatMap((one) => {
    const key = keyOf(one);
    const isOpen = open.has(key);
    const name = view.name(one.title) || one.name;
    const button = el("button", { type: "button", class: "hub-open", "aria-expanded": String(isOpen) }, el("b", null, name));
    button.addEventListener("click", () => toggle(key));
    const q = one.quality;
    const state = [["defect", q.defect], ["risk", q.risk], ["characteristic", q.characteristic]].filter(([, n]) => n).map(([verdict, n]) => el("span", null, view.shapes[verdict](), number(n)));
    const told = privacy(one.privacy);
    const checked = stateOf(one);
    const row = el(
      "tr", { class: isOpen ? "is-open" : "" },
      el("td", null, button, el("span", { class: "mute" }, one.id)),
      el("td", null, one.version, " ", el("span", { class: "mute" }, one.format)),
      el("td", null, one.way === "imported" ? el("em", { class: "hub-from", title: one.hub }, t("hub.imported", { hub: view.name(one.hub_name) || one.hub || "–" })) : t("hub.made")),
      el("td", { class: "num" }, number(one.episodes)),
      el("td", { class: "num" }, number(one.hours, one.hours < 10 ? 2 : 1)),
      el("td", { class: "hub-mini" }, bar(one.split_s)),
      el("td", { class: "num opt" }, one.episodes ? `${number((one.labelled / one.episodes) * 100, 0)} %` : "–"),
      el("td", { class: "opt hub-state" }, state.length ? state : el("span", { class: "mute" }, t("hub.unjudged", { n: number(q.not_judged ?? 0) }))),
      el("td", null, el("span", { class: "hub-licence" }, one.licence)),
      el("td", { class: "opt", title: told.join(", ") }, told.length ? t("hub.private_n", { n: told.length }) : el("span", { class: "mute" }, "–")),
      el("td", { class: `hub-check is-${checked}`, title: one.problems.join("\n") }, checked === "open" ? t("hub.check_open") : t(`hub.check_${checked}`, { n: one.problems.length, when: `${monthDay(one.checked_ms, view.zone)} ${minute(one.checked_ms, view.zone)}` })),
    );
    return isOpen ? [row, el("tr", { class: "hub-opened" }, el("td", { colspan: HEADS.length }, details(one, view)))] : [row];
  });
  return el("table", { class: "tbl hub-catalogue" }, el("thead", null, el("tr", null, HEADS.map(([name, kind]) => el("th", { class: kind, scope: "col" }, t(`hub.col_${name}`))))), el("tbody", null, body));
}

/** How far simulated episodes lie from real ones: signals in order of how far, with what two real halves differ by. */
export function comparisonTable(comparison, view) {
  const parts = comparison.compared.map((one) => {
    const rows = [...one.signals].sort((a, b) => (b.wasserstein ?? -1) - (a.wasserstein ?? -1));
    const most = Math.max(1, ...rows.map((row) => row.wasserstein ?? 0));
    const line = (row) => {
      const signal = view.name(row.label) || row.signal;
      if (row.wasserstein === null) return el("tr", null, el("th", { scope: "row", title: row.signal }, signal), el("td", { class: "mute", colspan: 3, title: row.why }, view.shapes.not_assessed(), " ", t("hub.verdict_not_assessed")));
      const [size, floor] = [el("i", { class: `hub-bar is-${row.verdict}` }), el("i", { class: "hub-floor", title: t("hub.floor") })];
      size.style.width = `${Math.max(2, (row.wasserstein / most) * 90)}px`;
      floor.style.left = `${(row.floor / most) * 90}px`;
      return el("tr", null, el("th", { scope: "row", title: `${row.signal} [${row.unit}]` }, signal), el("td", { class: "hub-apart" }, size, floor), el("td", { class: "num" }, number(row.wasserstein, 2)), el("td", { class: "num" }, number(row.ks, 2)));
    };
    const joint = one.energy === null ? t("hub.joint_none") : t("hub.joint", { n: number(one.energy, 3), floor: number(one.energy_floor, 3) });
    return el(
      "tbody", null,
      el("tr", { class: "hub-axis" }, el("th", { colspan: 4, scope: "rowgroup", title: one.why }, view.shapes[one.verdict](), " ", one.task || t("hub.all_tasks"), el("span", { class: "mute" }, ` ${t("hub.sides", { real: number(one.real), simulated: number(one.simulated) })} · ${joint}`))),
      rows.map(line),
    );
  });
  const heads = [["signal", ""], ["apart", ""], ["iqr", "num"], ["ks", "num"]];
  return el("table", { class: "hub-checks hub-compared" }, el("thead", null, el("tr", null, heads.map(([name, kind]) => el("th", { class: kind, scope: "col", title: t(`hub.col_${name}_do`) }, t(`hub.col_${name}`))))), parts);
}
