// The replay's memory: chunks of packets, and the state at any moment inside them. No network, no clock of its own.
import { decodePacket, splitChunk } from "./packet.js";

const CHUNK_S = 30;
const PACKETS_A_SECOND = 10;
const MAX_PACKETS = 600;

/** How a chunk is cut at a speed: plant seconds it spans, packets a plant second. At most ~10 packets a second are shown. */
export function chunkShape(speed) {
  const span_s = CHUNK_S * Math.max(1, speed);
  const hz = Math.min(PACKETS_A_SECOND / Math.max(speed, 0.5), (MAX_PACKETS - 1) / span_s);
  return { span_ms: span_s * 1000, hz };
}

export class Player {
  constructor({ maxBytes = 48e6, aheadS = 30 } = {}) {
    this.maxBytes = maxBytes;
    this.aheadS = aheadS;
    this.clear();
  }

  clear() {
    this.chunks = [];
    this.cursor = null;
  }

  get bytes() {
    return this.chunks.reduce((sum, chunk) => sum + chunk.buffer.byteLength, 0);
  }

  /** The chunk to show the moment from: the one in use while it lasts, else the finest. */
  find(at) {
    const used = this.cursor?.chunk;
    if (used && used.from <= at && at < used.to) return used;
    let best = null;
    for (const chunk of this.chunks) if (chunk.from <= at && at < chunk.to && (!best || chunk.hz > best.hz)) best = chunk;
    return best;
  }

  covers(at) {
    return this.find(at) !== null;
  }

  /**
   * What to fetch next so that playing goes on: [from_ms, to_ms, hz], or null if enough lies ahead.
   * @param {number} at the replay clock, ms
   * @param {number} limit nothing from here on exists yet, ms
   */
  wanted(at, speed, limit, playing = true) {
    const { span_ms, hz } = chunkShape(speed);
    const horizon = Math.min(limit, playing ? at + this.aheadS * 1000 * Math.max(speed, 0.25) : at + 1);
    let from = at;
    for (let chunk = this.find(from); chunk && from < horizon; chunk = this.find(from)) from = chunk.to;
    if (from >= horizon) return null;
    const grid = Math.floor(from / span_ms) * span_ms;
    const follows = this.chunks.some((chunk) => chunk.to === from);
    return [follows ? from : grid, Math.min(grid + span_ms, limit), hz];
  }

  /** Keep a fetched chunk; the farthest from the clock are let go when memory is short. */
  add(from, to, hz, buffer, at) {
    const packets = splitChunk(buffer);
    if (!packets.length) return;
    this.chunks.push({ from, to, hz, buffer, packets });
    const distance = (chunk) => (at < chunk.from ? chunk.from - at : Math.max(0, at - chunk.to));
    while (this.chunks.length > 1 && this.bytes > this.maxBytes) {
      let far = 0;
      for (let i = 1; i < this.chunks.length; i++) if (distance(this.chunks[i]) > distance(this.chunks[far])) far = i;
      const [gone] = this.chunks.splice(far, 1);
      if (this.cursor?.chunk === gone) this.cursor = null;
    }
  }

  /**
   * The state as of a moment: the newest entry of each stream, none later than the moment.
   * @returns {{state: Map, changed: Set|null, clock_ms: number}|null} changed null = all; null = not in memory
   */
  stateAt(at) {
    const chunk = this.find(at);
    if (!chunk) return null;
    const packets = chunk.packets;
    let low = 0;
    let high = packets.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (packets[middle].clock_ms <= at) low = middle;
      else high = middle - 1;
    }
    let { cursor } = this;
    let changed = null;
    if (cursor?.chunk === chunk && cursor.index <= low) changed = new Set();
    else cursor = this.cursor = { chunk, index: -1, state: new Map() };
    while (cursor.index < low) {
      cursor.index++;
      const { start, length } = packets[cursor.index];
      for (const entry of decodePacket(chunk.buffer, start, length).entries) {
        cursor.state.set(entry.key, entry);
        changed?.add(entry.key);
      }
    }
    return { state: cursor.state, changed, clock_ms: packets[low].clock_ms };
  }
}
