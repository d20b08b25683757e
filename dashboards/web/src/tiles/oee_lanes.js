// What each station did: one lane a station, its share of working time at the right.
import { el, Sheet, setText } from "../dom.js";
import { minute, number, shortName, tickLabel, zoneOffset } from "../format.js";
import { timeTicks } from "../downsample.js";
import { follow, oeeHref } from "../navigate.js";
import { drawSegment } from "../segment.js";
import { mark } from "../states.js";
import { color, hatch, onTheme } from "../theme.js";
import { t } from "../words.js";

const LOOKS = { production: "run", delay: "wait", failed: "fault", down: "held", unknown: "lost", stale: "lost" };
const LEGEND = [["run", "production"], ["wait", "delay"], ["setup", "setup"], ["stop", "not_planned"], ["held", "down"], ["fault", "failed"], ["lost", "stale"]];
const ROW = 24;
const AXIS = 20;

export class LanesCard {
  constructor(view) {
    this.view = view;
    this.names = el("div", { class: "oee-lane-names" });
    this.ends = el("div", { class: "oee-lane-ends" });
    this.plot = el("div", { class: "oee-lane-plot" });
    this.tip = el("div", { class: "oee-tip", hidden: true });
    this.sub = el("small");
    const legend = LEGEND.map(([one, word]) => el("span", null, one === "setup" || one === "stop" ? el("i", { class: `oee-key is-${one}` }) : mark(one), t(`oee.bucket_${word}`)));
    this.node = el(
      "section",
      { class: "card oee-lanes" },
      el("header", { class: "card-h" }, el("h2", null, t("oee.lanes")), this.sub, el("span", { class: "r oee-legend opt" }, legend)),
      el("div", { class: "card-b oee-lane-b ft-scroll", tabindex: "0" }, this.names, this.plot, this.ends),
      this.tip,
    );
  }

  start() {
    this.sheet = new Sheet(this.plot, (context, width, height) => this.draw(context, width, height), t("oee.lanes"));
    this.asked = this.view.poll("lanes", (answer) => this.hear(answer), (failed) => failed && setText(this.sub, t("oee.failed", { detail: failed })));
    this.endTheme = onTheme(() => this.sheet.ask());
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => (this.tip.hidden = true));
  }

  refresh() {
    this.asked.refresh();
  }

  dispose() {
    this.sheet?.dispose();
    this.endTheme?.();
  }

  hear(answer) {
    this.answer = answer;
    setText(this.sub, `${minute(answer.time.from_ms, this.view.zone)}–${minute(answer.time.to_ms, this.view.zone)}`);
    this.names.replaceChildren(...answer.lanes.map((one) => el("a", { href: oeeHref(one.asset), onclick: follow, title: one.asset }, shortName(one.asset))), el("span", { class: "cap" }));
    this.ends.replaceChildren(...answer.lanes.map((one) => el("b", null, one.availability === null ? "–" : number(one.availability * 100, 1))), el("span", { class: "cap" }, t("oee.working_percent")));
    this.plot.style.height = `${answer.lanes.length * ROW + AXIS}px`;
    this.sheet.ask();
  }

  draw(context, width, height) {
    const { answer } = this;
    if (!answer) return;
    const { from_ms: from, to_ms: to } = answer.time;
    const x = (ms) => ((ms - from) / Math.max(1, to - from)) * width;
    const axis = timeTicks(from, to, Math.max(2, width / 90), zoneOffset(to, this.view.zone));
    context.font = `11px ${color("--font")}`;
    context.textAlign = "center";
    for (const moment of axis.t) {
      const at = Math.round(x(moment)) + 0.5;
      context.strokeStyle = color("--line-soft");
      context.beginPath();
      context.moveTo(at, 0);
      context.lineTo(at, height - AXIS);
      context.stroke();
      context.fillStyle = color("--ink-2");
      if (at > 18 && at < width - 18) context.fillText(tickLabel(moment, this.view.zone, axis.step_s), at, height - 5);
    }
    answer.lanes.forEach((lane, i) => {
      for (const [a, b, bucket] of lane.parts) segment(context, bucket, x(a), x(b), i * ROW + 2, ROW - 4);
    });
  }

  point(event) {
    const box = this.plot.getBoundingClientRect();
    const lane = this.answer?.lanes[Math.floor((event.clientY - box.top) / ROW)];
    const { from_ms: from, to_ms: to } = this.answer?.time ?? {};
    const moment = from + ((event.clientX - box.left) / box.width) * (to - from);
    const part = lane?.parts.find(([a, b]) => a <= moment && moment < b);
    this.tip.hidden = !part;
    if (!part) return;
    const zone = this.view.zone;
    setText(this.tip, `${shortName(lane.asset)} · ${t(`oee.bucket_${part[2]}`)} · ${minute(part[0], zone)}–${minute(part[1], zone)}`);
    const card = this.node.getBoundingClientRect();
    this.tip.style.left = `${Math.min(event.clientX - card.left + 10, card.width - 240)}px`;
    this.tip.style.top = `${event.clientY - card.top + 14}px`;
  }
}

function segment(context, bucket, a, b, top, tall) {
  if (bucket === "not_planned") {
    context.fillStyle = hatch(context, color("--idle"), color("--stopped"), 5, 2);
    context.fillRect(a, top + tall * 0.2, b - a, tall * 0.6);
  } else if (bucket === "setup") {
    context.strokeStyle = color("--run");
    context.fillStyle = color("--range");
    context.fillRect(a, top + tall * 0.2, Math.max(2, b - a), tall * 0.6);
    if (b - a > 3) context.strokeRect(a + 0.5, top + tall * 0.2 + 0.5, b - a - 1, tall * 0.6 - 1);
  } else drawSegment(context, LOOKS[bucket] ?? "lost", a, b, top, tall);
}
