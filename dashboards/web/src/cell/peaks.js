// The largest of the last minute, in parts of five seconds: what an eye misses in values that change twenty times a second.

const PART_MS = 5000;
const PARTS = 12;

export class Peak {
  constructor() {
    this.parts = [];
  }

  /** Take a value at a moment (ms); a jump back, or far ahead, begins anew. */
  see(t_ms, value) {
    const part = Math.floor(t_ms / PART_MS);
    const last = this.parts.at(-1);
    if (last && (part < last.part || part > last.part + PARTS)) this.parts = [];
    const now = this.parts.at(-1);
    if (now?.part === part) now.value = Math.max(now.value, value);
    else this.parts.push({ part, value });
    while (this.parts.length && this.parts[0].part <= part - PARTS) this.parts.shift();
    return this.value;
  }

  get value() {
    return this.parts.length ? Math.max(...this.parts.map((one) => one.value)) : undefined;
  }
}
