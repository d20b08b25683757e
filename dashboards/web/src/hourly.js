// Good parts by the hour as bars; the hour that runs is dashed. A line says how many were wanted, where that is known.
import { minute, number } from "./format.js";
import { color } from "./theme.js";
import { t } from "./words.js";

const HOUR_MS = 3_600_000;

/** hourly: {t_ms, good} as /view/overview and /view/line/parts answer it; wanted: parts an hour, or null. */
export function drawHourly(context, width, height, hourly, clock_ms, zone, wanted = null) {
  const bottom = height - 18;
  const top = 14;
  context.font = `11px ${color("--font")}`;
  context.strokeStyle = color("--line");
  context.beginPath();
  context.moveTo(0, bottom + 0.5);
  context.lineTo(width, bottom + 0.5);
  context.stroke();
  if (!hourly?.t_ms?.length) {
    context.fillStyle = color("--ink-3");
    context.fillText(t("overview.no_production"), 4, (top + bottom) / 2);
    return;
  }
  const most = Math.max(1, wanted ?? 0, ...hourly.good.map((x) => x ?? 0));
  const step = width / hourly.t_ms.length;
  const bar = Math.min(64, step * 0.62);
  const every = Math.ceil(36 / step);
  hourly.t_ms.forEach((start, i) => {
    const good = hourly.good[i];
    const middle = (i + 0.5) * step;
    const part = Math.min(1, Math.max(0, (clock_ms - start) / HOUR_MS));
    const tall = ((good ?? 0) / most) * (bottom - top);
    context.textAlign = "center";
    context.fillStyle = color("--ink-2");
    if (i % every === (hourly.t_ms.length - 1) % every) context.fillText(minute(start, zone), Math.min(width - 16, Math.max(16, middle)), height - 4);
    if (good === null || good === undefined) return;
    context.fillStyle = color(part < 1 ? "--range" : "--idle");
    context.fillRect(middle - bar / 2, bottom - tall, bar, tall);
    if (part < 1) {
      context.strokeStyle = color("--run");
      context.setLineDash([3, 2]);
      context.strokeRect(middle - bar / 2 + 0.5, bottom - tall + 0.5, bar - 1, tall);
      context.setLineDash([]);
    }
    context.fillStyle = color("--needle");
    context.fillRect(middle - bar / 2, bottom - tall, bar, tall > 0 ? 1.5 : 0);
    const aim = wanted ? bottom - ((wanted * part) / most) * (bottom - top) : null;
    if (aim !== null) context.fillRect(middle - bar / 2 - 3, aim - 1, bar + 6, 2);
    context.fillStyle = color("--ink");
    context.font = `600 ${step < 26 ? 10 : 11}px ${color("--font")}`;
    // inside the bar where the wanted line would cross the number
    const crossed = aim !== null && aim > bottom - tall - 16 && aim < bottom - tall + 2;
    context.fillText(number(good), middle, crossed && tall > 18 ? bottom - tall + 14 : bottom - tall - (crossed ? 8 : 4));
    context.font = `11px ${color("--font")}`;
  });
}
