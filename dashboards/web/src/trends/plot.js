// The picture of a trend board: pens on axes by unit, what happened meanwhile, cursors. Draws, and says where things are.
import { ticks, timeTicks } from "../downsample.js";
import { duration, number, shortName, tickLabel, time, zoneOffset } from "../format.js";
import { faultWord } from "../fleet/errors.js";
import { drawSegment } from "../segment.js";
import { look } from "../states.js";
import { color, hatch } from "../theme.js";
import { stateWord, t } from "../words.js";
import { axesOf, rangeOf } from "./board.js";

const AXIS_W = 58;
const EDGE = 12;
const FOOT = 22;
const HEAD = 22;
const LANE = 20;
const MAX_LANES = 6;
const BAND_GAP = 22;
const PENS = 6;
const DASHES = [[], [9, 3, 2, 3]];
const THEN = [3, 3];

export const penColor = (n) => `--pen-${(n % PENS) + 1}`;
const dashOf = (n) => DASHES[Math.floor(n / PENS) % DASHES.length];

const NEAR_PX = 6;
const MOST_TOLD = 4;

/** Where the parts of a picture stand; the model says how many axes and lanes there are. */
export function placed(model, width, height) {
  const axes = axesOf(model.pens);
  const lanes = model.meanwhile.lanes.slice(0, MAX_LANES);
  const rows = model.board.lanes ? 1 : axes.length;
  const lefts = Math.max(1, Math.ceil(rows / 2));
  const rights = Math.floor(rows / 2);
  const box = { left: lefts * AXIS_W, right: width - Math.max(EDGE, rights * AXIS_W), top: HEAD, bottom: height - FOOT - (lanes.length ? lanes.length * LANE + 6 : 0) };
  const count = model.board.lanes ? Math.max(1, axes.length) : 1;
  const tall = (box.bottom - box.top - BAND_GAP * (count - 1)) / count;
  axes.forEach((axis, i) => {
    const at = model.board.lanes ? i : 0;
    axis.top = box.top + at * (tall + BAND_GAP);
    axis.bottom = axis.top + tall;
    axis.isLeft = model.board.lanes || i % 2 === 0;
    axis.x = model.board.lanes ? box.left : axis.isLeft ? box.left - (i / 2) * AXIS_W : box.right + ((i - 1) / 2) * AXIS_W;
  });
  return { ...box, axes, lanes, lanesTop: box.bottom + 6 };
}

export function drawBoard(context, width, height, model) {
  const place = placed(model, width, height);
  const { from, to } = model.window;
  const font = color("--font");
  const x = (moment) => place.left + ((moment - from) / (to - from)) * (place.right - place.left);
  const inner = Math.max(1, Math.ceil(place.right - place.left));
  context.lineJoin = "round";
  const bands = model.board.lanes ? place.axes : [{ top: place.top, bottom: place.bottom }];
  const marks = timeTicks(from, to, Math.max(2, inner / 120), zoneOffset(to, model.zone));
  for (const { top, bottom } of bands.length ? bands : [place]) {
    context.fillStyle = color("--raised");
    context.fillRect(place.left, top, place.right - place.left, bottom - top);
    context.strokeStyle = color("--line-soft");
    context.beginPath();
    for (const moment of marks.t) {
      const at = Math.round(x(moment)) + 0.5;
      if (at <= place.left) continue;
      context.moveTo(at, top);
      context.lineTo(at, bottom);
    }
    context.stroke();
  }
  context.font = `11px ${font}`;
  context.fillStyle = color("--ink-2");
  context.textAlign = "center";
  for (const moment of marks.t) if (x(moment) > place.left + 14 && x(moment) < place.right - 14) context.fillText(tickLabel(moment, model.zone, marks.step_s), x(moment), height - 7);
  if (!model.pens.length) {
    say(context, model.says ?? t("trends.choose"), place);
    return place;
  }
  for (const pen of model.pens) {
    pen.points = entering(pen.lane.thinned(from, to, inner), from, pen.lane.gap_ms);
    pen.ghosts = model.board.shift_s ? entering(pen.then.thinned(from - pen.shift_ms, to - pen.shift_ms, inner), from - pen.shift_ms, pen.then.gap_ms) : [];
  }
  for (const axis of place.axes) {
    axis.range = rangeOf(axis.pens.flatMap((pen) => [{ points: pen.points, factor: pen.factor }, { points: pen.ghosts, factor: pen.factor }]));
    drawAxis(context, axis, place, model);
  }
  happened(context, place, model, x);
  clipped(context, place, () => {
    for (const axis of place.axes) {
      if (!axis.range) continue;
      const [low, high] = axis.range;
      axis.y = (value) => axis.bottom - ((value - low) / (high - low)) * (axis.bottom - axis.top);
      for (const pen of axis.pens) if (pen.id === model.board.picked || axis.pens.length === 1) limits(context, axis, pen, place);
    }
    const picked = model.board.picked;
    for (const axis of place.axes) {
      if (!axis.range) continue;
      for (const pen of [...axis.pens].sort((one, other) => (one.id === picked) - (other.id === picked))) {
        const pale = picked && picked !== pen.id;
        if (pen.ghosts.length) line(context, pen, pen.ghosts, (moment) => x(moment + pen.shift_ms), axis.y, { dash: THEN, alpha: pale ? 0.25 : 0.75, wide: 1.2, band: 0 });
        gaps(context, pen, x, axis, pale ? 0.2 : 0.45);
        line(context, pen, pen.points, x, axis.y, { dash: dashOf(pen.n), alpha: pale ? 0.35 : 1, wide: picked === pen.id ? 2.2 : 1.5, band: 0.28 });
      }
    }
  });
  if (model.pens.every((pen) => !pen.points.length && !pen.ghosts.length)) say(context, model.pens.some((pen) => pen.lane.asked && !pen.lane.done) ? t("trends.loading") : t("trend.no_data"), place);
  numbers(context, place, model, x);
  states(context, place, model, x);
  const edge = x(model.now);
  if (edge <= place.right + 1 && edge >= place.left) {
    context.fillStyle = color(model.replaying ? "--replay" : "--accent");
    context.fillRect(Math.round(edge) - 1, place.top, 2, place.lanesTop + place.lanes.length * LANE - place.top - 6);
  }
  cursors(context, place, model, x);
  return place;
}

/** Without the point before what is seen, where no line leads in from it. */
function entering(points, from, gap_ms) {
  const outside = points.length > 0 && points[0].t < from && (points.length === 1 ? from - points[0].t > gap_ms : points[1].gap);
  return outside ? points.slice(1) : points;
}

function clipped(context, place, draw) {
  context.save();
  context.beginPath();
  context.rect(place.left, place.top, place.right - place.left, place.bottom - place.top);
  context.clip();
  draw();
  context.restore();
}

function say(context, text, place) {
  context.fillStyle = color("--ink-2");
  context.font = `13px ${color("--font")}`;
  context.textAlign = "center";
  context.fillText(text, (place.left + place.right) / 2, (place.top + place.bottom) / 2);
}

function drawAxis(context, axis, place, model) {
  const font = color("--font");
  const one = axis.pens.length === 1 ? axis.pens[0] : null;
  context.fillStyle = one ? color(penColor(one.n)) : color("--ink");
  context.font = `650 11px ${font}`;
  context.textAlign = axis.isLeft ? "right" : "left";
  const edge = axis.isLeft ? axis.x - 7 : axis.x + 7;
  context.fillText(axis.symbol || t("trends.no_unit"), edge, axis.top - 7);
  context.strokeStyle = one ? color(penColor(one.n)) : color("--line");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(Math.round(axis.x) + 0.5, axis.top);
  context.lineTo(Math.round(axis.x) + 0.5, axis.bottom);
  context.stroke();
  if (!axis.range) return;
  const [low, high] = axis.range;
  const marks = ticks(low, high, Math.max(2, (axis.bottom - axis.top) / 42));
  const step = marks.length > 1 ? marks[1] - marks[0] : Math.abs(marks[0]) || 1;
  let decimals = 0;
  while (decimals < 6 && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6) decimals++;
  const grid = model.board.lanes || axis === place.axes[0];
  context.font = `11px ${font}`;
  context.fillStyle = one ? color(penColor(one.n)) : color("--ink-2");
  for (const mark of marks) {
    const at = axis.bottom - ((mark - low) / (high - low)) * (axis.bottom - axis.top);
    if (at < axis.top + 4 || at > axis.bottom - 2) continue;
    context.fillText(number(mark, decimals), edge, at + 4);
    context.strokeStyle = color("--line-soft");
    context.beginPath();
    context.moveTo(grid ? place.left : axis.x - 4, Math.round(at) + 0.5);
    context.lineTo(grid ? place.right : axis.x + 4, Math.round(at) + 0.5);
    context.stroke();
  }
}

function limits(context, axis, pen, place) {
  context.setLineDash([6, 3]);
  context.font = `11px ${color("--font")}`;
  context.textAlign = "left";
  for (const [name, limit] of [["low", pen.column.low], ["high", pen.column.high]]) {
    if (limit === null || limit === undefined) continue;
    const at = Math.round(axis.y(limit * pen.factor)) + 0.5;
    if (at <= axis.top + 2 || at >= axis.bottom - 2) continue;
    const crossed = pen.points.some((point) => (name === "high" ? point.max > limit : point.min < limit));
    context.strokeStyle = color(crossed ? "--p2" : "--ink-3");
    context.beginPath();
    context.moveTo(place.left, at);
    context.lineTo(place.right, at);
    context.stroke();
    context.fillStyle = color("--ink-2");
    context.fillText(t(`trends.${name}`, { n: number(limit * pen.factor, pen.decimals) }), place.left + 6, name === "high" ? at - 4 : at + 12);
  }
  context.setLineDash([]);
}

/** A hole in the record is hatched: nobody takes the line across it for a measurement. */
function gaps(context, pen, x, axis, alpha) {
  const { points } = pen;
  context.globalAlpha = alpha;
  context.fillStyle = hatch(context, color("--stale"), null, 7, 1.2);
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [x(points[i - 1].t), x(points[i].t)];
    if (points[i].gap && b - a > 3) context.fillRect(a, axis.bottom - 8, b - a, 8);
  }
  context.globalAlpha = 1;
}

function line(context, pen, points, x, y, { dash, alpha, wide, band }) {
  const { factor } = pen;
  const ink = color(penColor(pen.n));
  context.fillStyle = ink;
  context.strokeStyle = ink;
  for (let start = 0; start < points.length; ) {
    let end = start + 1;
    let spread = points[start].max > points[start].min;
    while (end < points.length && !points[end].gap) {
      spread ||= points[end].max > points[end].min;
      end++;
    }
    if (spread && band) {
      context.globalAlpha = alpha * band;
      context.beginPath();
      for (let i = start; i < end; i++) context.lineTo(x(points[i].t), y(points[i].max * factor));
      for (let i = end - 1; i >= start; i--) context.lineTo(x(points[i].t), y(points[i].min * factor));
      context.closePath();
      context.fill();
      // its edge too: a spike of one sample is as thin as a pixel
      context.globalAlpha = alpha * Math.min(1, band * 2.2);
      context.lineWidth = 0.8;
      context.stroke();
    }
    start = end;
  }
  context.globalAlpha = alpha;
  context.lineWidth = wide;
  context.setLineDash(dash);
  context.beginPath();
  points.forEach((point, i) => {
    const [px, py] = [x(point.t), y(point.mean * factor)];
    if (i === 0 || point.gap) {
      context.moveTo(px, py);
      context.lineTo(px + 0.01, py);
    } else context.lineTo(px, py);
  });
  context.stroke();
  context.setLineDash([]);
  context.lineWidth = 1;
  context.globalAlpha = 1;
}

/** Each pen's number at the end of its line, moved apart where they would overlap. */
function numbers(context, place, model, x) {
  const tags = [];
  for (const axis of place.axes) {
    if (!axis.y) continue;
    for (const pen of axis.pens) {
      const last = pen.points[pen.points.length - 1];
      if (last) tags.push({ pen, x: Math.min(place.right - 18, x(last.t) + 3), y: Math.min(axis.bottom - 8, Math.max(axis.top + 8, axis.y(last.mean * pen.factor))) });
    }
  }
  tags.sort((one, other) => one.y - other.y);
  tags.forEach((tag, i) => {
    const above = tags[i - 1];
    if (above && tag.y - above.y < 15 && Math.abs(tag.x - above.x) < 20) tag.y = above.y + 15;
  });
  context.font = `650 11px ${color("--font")}`;
  context.textAlign = "center";
  for (const { pen, x: left, y } of tags) {
    context.fillStyle = color(penColor(pen.n));
    context.fillRect(left, y - 7, 16, 14);
    context.fillStyle = color("--panel");
    context.fillText(String(pen.n + 1), left + 8, y + 4);
  }
}

/** What happened in a window as marks: an alarm has the shape and colour of its priority (hollow where operators were not told), a loss is open. */
export function marksOf({ events, alarms = [] }) {
  const raised = alarms.map((one) => ({ t: one.t_ms, shape: one.priority ?? 4, ink: `--p${one.priority ?? 4}`, hidden: one.hidden, text: `${shortName(one.asset)} · ${one.rule}` }));
  const told = events.map((one) => {
    const faulted = one.kind === "StateChanged" || one.kind === "ErrorRaised";
    const lost = one.kind.endsWith("Lost") || one.kind === "IdentityClash";
    const what = one.kind === "StateChanged" ? stateWord(one.after) : one.kind === "AssetLost" ? t("state.lost") : faultWord(one.signal) || one.kind;
    return { t: one.t_ms, shape: lost ? "lost" : faulted ? "fault" : "note", ink: faulted ? "--p1" : lost ? "--stale" : "--ink-3", text: `${shortName(one.asset)} · ${what}` };
  });
  return [...told, ...raised].sort((one, other) => one.t - other.t);
}

const OCTAGON = [[-2, -1], [2, -1], [5, 2], [5, 6], [2, 9], [-2, 9], [-5, 6], [-5, 2]];

function shape(context, kind, at, top, hollow) {
  context.beginPath();
  if (kind === 1) context.rect(at - 4, top, 8, 8);
  else if (kind === "fault") for (const [dx, dy] of OCTAGON) context.lineTo(at + dx, top + dy);
  else if (kind === 2) context.lineTo(at - 5, top + 8), context.lineTo(at + 5, top + 8), context.lineTo(at, top);
  else if (kind === 3) context.lineTo(at - 5, top), context.lineTo(at + 5, top), context.lineTo(at, top + 8);
  else context.arc(at, top + 4, kind === "note" ? 2.5 : 4, 0, 2 * Math.PI);
  context.closePath();
  if (hollow || kind === "lost" || kind === "note") context.stroke();
  else context.fill();
}

function happened(context, place, model, x) {
  for (const one of marksOf(model.meanwhile)) {
    const at = Math.round(x(one.t)) + 0.5;
    if (at < place.left || at > place.right) continue;
    const quiet = one.shape === "note";
    context.strokeStyle = context.fillStyle = color(one.ink);
    context.globalAlpha = quiet ? 0.45 : 0.85;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(at, place.top);
    context.lineTo(at, place.bottom);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    shape(context, one.shape, at, place.top - 10, one.hidden);
  }
}

function states(context, place, model, x) {
  context.save();
  const { from, to } = model.window;
  const font = color("--font");
  place.lanes.forEach((lane, i) => {
    const top = place.lanesTop + i * LANE;
    context.font = `11px ${font}`;
    context.textAlign = "right";
    context.fillStyle = color("--ink-2");
    context.fillText(fitted(context, shortName(lane.asset), place.left - 10), place.left - 7, top + 13);
    for (const [a, b, state] of lane.segments) {
      if (b < from || a > to) continue;
      const [left, right] = [Math.max(place.left, x(a)), Math.min(place.right, x(b))];
      if (right - left > 0.3) drawSegment(context, look(state), left, right, top, LANE - 2, right - left > 60 ? stateWord(state) : null);
    }
  });
  context.restore();
}

function fitted(context, text, wide) {
  let shown = text;
  while (shown.length > 1 && context.measureText(shown).width > wide) shown = `${shown.slice(0, -2)}…`;
  return shown;
}

function tag(context, text, middle, top, ground, ink, place) {
  context.font = `600 11px ${color("--font")}`;
  const wide = context.measureText(text).width + 10;
  const left = Math.min(place.right - wide, Math.max(place.left, middle - wide / 2));
  context.fillStyle = color(ground);
  context.fillRect(left, top, wide, 17);
  context.fillStyle = color(ink);
  context.textAlign = "left";
  context.fillText(text, left + 5, top + 12.5);
}

function cursors(context, place, model, x) {
  const { board, window: seen } = model;
  const fine = seen.to - seen.from < 600_000;
  const upright = (at) => {
    context.beginPath();
    context.moveTo(Math.round(at) + 0.5, place.top);
    context.lineTo(Math.round(at) + 0.5, place.bottom);
    context.stroke();
  };
  const both = board.a !== null && board.b !== null;
  if (both) {
    const [a, b] = [x(Math.min(board.a, board.b)), x(Math.max(board.a, board.b))].map((at) => Math.min(place.right, Math.max(place.left, at)));
    context.globalAlpha = 0.1;
    context.fillStyle = color("--accent");
    context.fillRect(a, place.top, b - a, place.bottom - place.top);
    context.globalAlpha = 1;
  }
  context.strokeStyle = color("--accent");
  for (const name of ["a", "b"]) {
    const at = board[name] === null ? NaN : x(board[name]);
    if (!(at >= place.left && at <= place.right)) continue;
    context.lineWidth = 1.5;
    upright(at);
    context.lineWidth = 1;
    tag(context, `${name.toUpperCase()} ${time(board[name], model.zone, fine)}`, at, 2, "--accent", "--on-accent", place);
  }
  if (both) tag(context, `Δ ${duration(Math.abs(board.b - board.a))}${fine ? `.${String(Math.round(Math.abs(board.b - board.a)) % 1000).padStart(3, "0")}` : ""}`, (x(board.a) + x(board.b)) / 2, place.top + 4, "--accent-soft", "--ink", place);
  if (model.selecting) {
    const [a, b] = model.selecting.map(x).sort((one, other) => one - other);
    context.globalAlpha = 0.18;
    context.fillStyle = color("--accent");
    context.fillRect(a, place.top, b - a, place.bottom - place.top);
    context.globalAlpha = 1;
  } else if (model.hover !== null) {
    const at = x(model.hover);
    if (at >= place.left && at <= place.right) {
      context.setLineDash([3, 3]);
      upright(at);
      context.setLineDash([]);
      const near = marksOf(model.meanwhile).filter((one) => Math.abs(x(one.t) - at) <= NEAR_PX);
      near.slice(0, MOST_TOLD).forEach((one, i) => tag(context, `${time(one.t, model.zone, fine)} ${one.text}`, at, place.top + 4 + i * 20, "--panel", "--ink", place));
      tag(context, time(model.hover, model.zone, fine), at, place.bottom - 18, "--panel", "--ink", place);
    }
  }
}
