// Cycle times as bars, with the takt as a line: what lies beyond it is told by colour, by the line and in words.
import { number } from "../format.js";
import { color } from "../theme.js";
import { t } from "../words.js";

export function drawHistogram(context, width, height, answer) {
  const found = answer?.histogram;
  context.font = `11px ${color("--font")}`;
  if (!found) {
    context.fillStyle = color("--ink-2");
    context.textAlign = "left";
    context.fillText(answer ? t("line.no_cycle") : "", 0, height / 2);
    return;
  }
  const { first_s: first, width_s: wide, counts, beyond } = found;
  const bottom = height - 18;
  const top = 18;
  const bars = counts.length + (beyond ? 1.5 : 0);
  const step = width / bars;
  const x = (s) => ((s - first) / wide) * step;
  const most = Math.max(1, beyond, ...counts);
  const over = (i) => answer.takt_s !== null && first + (i + 0.5) * wide > answer.takt_s;
  const bar = (left, n, ink) => {
    const tall = (n / most) * (bottom - top);
    context.fillStyle = color(ink);
    context.fillRect(left + 0.5, bottom - tall, Math.max(1, step - 1), tall);
  };
  counts.forEach((n, i) => n && bar(i * step, n, over(i) ? "--p2" : "--run"));
  if (beyond) {
    bar((counts.length + 0.5) * step, beyond, answer.takt_s !== null ? "--p2" : "--run");
    context.fillStyle = color("--ink-2");
    context.textAlign = "center";
    context.fillText("›", (counts.length + 0.25) * step, bottom - 2);
    context.fillText(String(beyond), (counts.length + 1) * step, bottom - (beyond / most) * (bottom - top) - 4);
  }
  context.fillStyle = color("--line");
  context.fillRect(0, bottom, width, 1);
  const decimals = wide < 1 ? 1 : 0;
  const every = Math.max(1, Math.ceil(46 / step));
  context.fillStyle = color("--ink-2");
  for (let i = 0; i <= counts.length; i += every) {
    context.textAlign = i === 0 ? "left" : "center";
    if (i * step < width - 14) context.fillText(number(first + i * wide, decimals), i * step, height - 4);
  }
  if (answer.expected_s !== null && answer.expected_s >= first && x(answer.expected_s) < width) {
    // What is expected stands at the bars' foot: its middle, and one spread to both sides.
    const [left, at, right] = [-1, 0, 1].map((k) => Math.max(0, Math.min(width, x(answer.expected_s + k * (answer.expected_spread_s ?? 0)))));
    context.fillStyle = color("--accent");
    context.fillRect(left, bottom, Math.max(2, right - left), 3);
    context.fillRect(at - 1, bottom - 6, 3, 9);
  }
  for (const [s, dashed] of [[answer.standard_s, true], [answer.takt_s, false]]) {
    if (s === null || s < first || x(s) > width) continue;
    const at = Math.round(x(s));
    context.strokeStyle = color("--needle");
    context.lineWidth = dashed ? 1 : 2;
    context.setLineDash(dashed ? [2, 3] : []);
    context.beginPath();
    context.moveTo(at, dashed ? top : 0);
    context.lineTo(at, bottom);
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
    if (dashed) continue;
    const text = t("line.takt_is", { s: number(s, 1) });
    const right = at + 6 + context.measureText(text).width < width;
    context.fillStyle = color("--ink");
    context.textAlign = right ? "left" : "right";
    context.fillText(text, right ? at + 5 : at - 5, 10);
  }
}
