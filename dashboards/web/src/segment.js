// One stretch of a state lane. Height and hatch tell the state, so that colour is never alone.
import { color, hatch } from "./theme.js";

export function drawSegment(context, one, a, b, top, tall, word = null) {
  const wide = b - a;
  const middle = top + tall / 2;
  const box = (share) => context.fillRect(a, middle - (tall * share) / 2, wide, tall * share);
  switch (one) {
    case "run":
      context.fillStyle = color("--run");
      box(0.6);
      break;
    case "idle":
      context.fillStyle = color("--run");
      context.fillRect(a, middle - 1, wide, 2);
      break;
    case "wait":
      context.fillStyle = color("--run");
      context.fillRect(a, middle + tall * 0.3 - 2, wide, 2);
      break;
    case "blocked":
      context.fillStyle = color("--run");
      context.fillRect(a, middle - tall * 0.3, wide, 2);
      break;
    case "stop":
      context.fillStyle = hatch(context, color("--idle"), color("--stopped"), 5, 2);
      box(0.6);
      break;
    case "held":
      context.fillStyle = hatch(context, color("--p2"), color("--panel"), 6, 2.4);
      box(0.8);
      context.fillStyle = color("--p2");
      context.fillRect(a, middle - tall * 0.4, wide, 1);
      context.fillRect(a, middle + tall * 0.4 - 1, wide, 1);
      break;
    case "fault":
      context.fillStyle = color("--p1");
      context.fillRect(a, top + 1, Math.max(2, wide), tall - 2);
      break;
    default:
      context.fillStyle = hatch(context, color("--stale"), color("--raised"), 6, 1.6);
      box(0.6);
  }
  if (!word) return;
  context.font = `550 11px ${color("--font")}`;
  if (context.measureText(word).width + 12 > wide) return;
  context.textAlign = "left";
  const inked = one === "run" || one === "fault";
  if (!inked) {
    context.lineWidth = 3;
    context.strokeStyle = color("--panel");
    context.lineJoin = "round";
    context.strokeText(word, a + 6, middle + 4);
    context.lineWidth = 1;
  }
  context.fillStyle = color(inked ? "--raised" : "--ink");
  context.fillText(word, a + 6, middle + 4);
}
