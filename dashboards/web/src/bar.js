// The analogue bar: range, normal band, fill or needle, limits. A number is never shown naked where a range is known.
import { el, setStyle, toggle } from "./dom.js";

const percent = (x) => `${(Math.min(1, Math.max(0, x)) * 100).toFixed(2)}%`;

export class Bar {
  /** low, high: normal range, null where unknown; `top` a physical maximum (a buffer's capacity). */
  constructor(low, high, top = null) {
    this.node = el("div", { class: "abar", "aria-hidden": "true" });
    this.set(low, high, top);
  }

  /** Whether there is a scale to draw on. */
  static possible(low, high, top = null) {
    return (low !== null && low !== undefined && high !== null && high !== undefined && high > low) || top > 0;
  }

  set(low, high, top = null) {
    if (this.low === low && this.high === high && this.top === top) return;
    Object.assign(this, { low, high, top });
    const known = high !== null && high !== undefined;
    const [from, to] = top > 0 ? [0, top] : [low, high];
    const margin = top > 0 ? 0 : (to - from) * 0.12;
    this.from = from === 0 ? 0 : from - margin;
    this.to = to + margin;
    const at = (value) => (value - this.from) / (this.to - this.from);
    this.filled = this.from >= 0;
    const parts = [];
    if (known && !(top > 0)) {
      const band = el("i", { class: "band" });
      band.style.left = percent(at(low ?? this.from));
      band.style.right = percent(1 - at(high));
      parts.push(band);
    } else if (!known) {
      const band = el("i", { class: "band" });
      band.style.left = "0";
      band.style.right = "0";
      parts.push(band);
    }
    this.pointer = el("i", { class: this.filled ? "fill" : "tgt" });
    parts.push(this.pointer);
    if (known && this.filled) {
      const limit = el("i", { class: "lim" });
      limit.style.left = percent(at(high));
      parts.push(limit);
    }
    this.node.replaceChildren(...parts);
    this.value = undefined;
  }

  /** Draw a value; returns whether it lies outside the normal range. */
  draw(value) {
    const known = value !== undefined && Number.isFinite(value);
    const over = known && ((this.high !== null && this.high !== undefined && value > this.high) || (this.low !== null && this.low !== undefined && value < this.low));
    if (value === this.value) return over;
    this.value = value;
    const at = known ? (value - this.from) / (this.to - this.from) : 0;
    setStyle(this.pointer, this.filled ? "width" : "left", percent(at));
    toggle(this.pointer, "is-absent", !known);
    toggle(this.node, "is-over", over);
    return over;
  }
}
