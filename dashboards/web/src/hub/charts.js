// The charts of the hub's page: hours by week, successes and failures by task.
import { svg } from "../dom.js";
import { number } from "../format.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [38, 44, 20, 24];

/** A round number at or above a value whose quarters are short: 1, 2, 4, 6, 8 times a power of ten. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const exponent = Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((one) => one * 10 ** exponent >= value * (1 - 1e-9));
  return Number((step * 10 ** exponent).toPrecision(6));
}

/** How many decimals the quarters of an axis need. */
export const digitsOf = (top) => [0, 1, 2].find((digits) => Math.abs(((top / 4) * 10 ** digits) % 1) < 1e-9) ?? 3;

/** Hours of each week: recorded hollow, usable filled in it; how much is labelled in all as a line. */
export function weekChart(weeks, target, width, height, words) {
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "hub-weeks", role: "img", "aria-label": words.title });
  const top = roundUp(Math.max(...weeks.map((week) => week.recorded_h * 1.1), target ?? 0));
  const [w, h] = [width - LEFT - RIGHT, height - TOP - BOTTOM];
  const y = (share) => TOP + h * (1 - share);
  const digits = digitsOf(top);
  for (let i = 0; i <= 4; i += 1) {
    chart.append(
      svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(i / 4), y2: y(i / 4), class: i ? "hub-grid" : "hub-base" }),
      svg("text", { x: LEFT - 6, y: y(i / 4) + 4, class: "hub-t is-end" }, number((top * i) / 4, digits)),
      svg("text", { x: width - RIGHT + 6, y: y(i / 4) + 4, class: "hub-t" }, `${i * 25} %`),
    );
  }
  const step = w / Math.max(weeks.length, 6);
  const bar = Math.min(46, step * 0.6);
  const points = [];
  weeks.forEach((week, i) => {
    const x = LEFT + step * (i + 0.5);
    const [recorded, usable] = [week.recorded_h / top, Math.min(week.usable_h, week.recorded_h) / top];
    chart.append(
      svg("rect", { x: x - bar / 2, width: bar, y: y(recorded), height: h * recorded, class: "hub-b is-recorded" }),
      svg("rect", { x: x - bar / 2, width: bar, y: y(usable), height: h * usable, class: "hub-b is-usable" }, svg("title", null, `${number(week.usable_h, 2)} / ${number(week.recorded_h, 2)} h`)),
      svg("text", { x, y: height - 7, class: `hub-t is-mid${i === weeks.length - 1 ? " is-b" : ""}` }, words.week(week.week)),
    );
    if (week.recorded_h > 0) chart.append(svg("text", { x, y: y(recorded) - 5, class: "hub-t is-mid" }, number(week.recorded_h, week.recorded_h < 10 ? 1 : 0)));
    if (week.labelled_share !== null) points.push([x, y(week.labelled_share)]);
  });
  if (target) chart.append(svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(target / top), y2: y(target / top), class: "hub-target" }, svg("title", null, words.target)));
  if (points.length) {
    chart.append(svg("polyline", { points: points.map((point) => point.join(",")).join(" "), class: "hub-share" }));
    for (const [cx, cy] of points) chart.append(svg("circle", { cx, cy, r: 3, class: "hub-share-p" }));
  }
  return chart;
}

/** Success, failure and the rest of some tasks as one stacked line each: shares 0…1 of its episodes. */
export function parts(row) {
  const total = row.success + row.failure + row.unknown;
  return total ? [row.success / total, row.failure / total, row.unknown / total] : [0, 0, 0];
}

/** The rows of a task added up over its robots, the largest first. */
export function byTask(rows) {
  const found = new Map();
  for (const row of rows) {
    const key = `${row.site}\n${row.task.en}\n${row.source}`;
    const sum = found.get(key) ?? { site: row.site, task: row.task, source: row.source, success: 0, failure: 0, unknown: 0, episodes: 0 };
    for (const name of ["success", "failure", "unknown", "episodes"]) sum[name] += row[name];
    found.set(key, sum);
  }
  return [...found.values()].sort((a, b) => b.episodes - a.episodes);
}
