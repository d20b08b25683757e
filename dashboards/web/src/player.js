// The replay's memory: chunks of packets, and the state at any moment inside them. No network, no clock of its own.
import { decodePacket, splitChunk } from "./packet.js";

const CHUNK_S = 30;
const PACKETS_A_SECOND = 10;
const MAX_PACKETS = 600;
/** The server cuts no longer chunk. */
const MAX_SPAN_S = 3600;
/** Backwards, the state is folded from the last of these instead of from the chunk's start. */
const FOLD_FROM = 32;

/** How a chunk is cut at a speed: plant seconds it spans, packets a plant second. At most ~10 packets a second are shown. */
export function chunkShape(velocity) {
  const speed = Math.abs(velocity);
  const span_s = Math.min(MAX_SPAN_S, CHUNK_S * Math.max(1, speed));
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
   * @param {number} speed below 0 time runs backwards
   * @param {number} limit nothing from here on exists yet, ms
   */
  wanted(at, speed, limit, playing = true) {
    const { span_ms, hz } = chunkShape(speed);
    if (speed < 0 && this.covers(at)) return this.wantedBefore(at, speed, playing);
    const horizon = Math.min(limit, playing ? at + this.aheadS * 1000 * Math.max(speed, 0.25) : at + 1);
    let from = at;
    for (let chunk = this.find(from); chunk && from < horizon; chunk = this.find(from)) from = chunk.to;
    if (from >= horizon) return null;
    const grid = Math.floor(from / span_ms) * span_ms;
    const follows = this.chunks.some((chunk) => chunk.to === from);
    return [follows ? from : grid, Math.min(grid + span_ms, limit), hz];
  }

  wantedBefore(at, speed, playing) {
    const { span_ms, hz } = chunkShape(speed);
    const horizon = playing ? at + this.aheadS * 1000 * Math.min(speed, -0.25) : at;
    let to = at;
    for (let chunk = this.find(to); chunk && to > horizon; chunk = this.find(to - 1)) to = chunk.from;
    if (to <= horizon) return null;
    return [Math.floor((to - 1) / span_ms) * span_ms, to, hz];
  }

  /**
   * The nearest moment before (-1) or after (1) at which something of these streams came, inside what is in memory.
   * @param {Set<number>|null} keys null = of any stream
   * @returns {number|null} ms, or null when there is none in the chunk
   */
  dataTime(at, direction, keys = null) {
    const chunk = this.find(at);
    if (!chunk) return null;
    const packets = direction > 0 ? chunk.packets.slice(1) : chunk.packets.slice(1).reverse();
    for (const { clock_ms, start, length } of packets) {
      if (direction > 0 ? clock_ms <= at + 0.001 : clock_ms >= at - 0.001) continue;
      if (decodePacket(chunk.buffer, start, length).entries.some((entry) => !keys || keys.has(entry.key))) return clock_ms;
    }
    return null;
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
    else cursor = this.cursor = this.restart(chunk, low);
    while (cursor.index < low) {
      cursor.index++;
      const { start, length } = packets[cursor.index];
      for (const entry of decodePacket(chunk.buffer, start, length).entries) {
        cursor.state.set(entry.key, entry);
        changed?.add(entry.key);
      }
      if (cursor.index % FOLD_FROM === 0 && !cursor.kept.has(cursor.index)) cursor.kept.set(cursor.index, new Map(cursor.state));
    }
    return { state: cursor.state, changed, clock_ms: packets[low].clock_ms };
  }
  /** A cursor from which a chunk is folded up to a packet: from the last state kept before it, else from the start. */
  restart(chunk, index) {
    const kept = this.cursor?.chunk === chunk ? this.cursor.kept : new Map();
    const from = Math.floor(index / FOLD_FROM) * FOLD_FROM;
    return kept.has(from) ? { chunk, kept, index: from, state: new Map(kept.get(from)) } : { chunk, kept, index: -1, state: new Map() };
  }
}
