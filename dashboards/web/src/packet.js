// Reads the packets of docs/reference/live-protocol.md. Values are views into the packet's own bytes.

const MAGIC = 0x31505446;
const HEAD = 32;
export const FULL = 1;
export const CHANGES = 2;

const up8 = (size) => (size + 7) & ~7;
const utf8 = new TextDecoder();

export class PacketError extends Error {}

/**
 * Read one packet.
 * @param {ArrayBuffer} buffer
 * @param {number} start byte offset, a multiple of 8
 * @param {number} length bytes
 * @returns {{kind: number, clock_ms: number, entries: {key, t, r, q, v: Float64Array, x: (string|null)[]|null}[]}}
 *   t device time and r receive time in ms; v the values, NaN absent; x the texts
 */
export function decodePacket(buffer, start = 0, length = buffer.byteLength - start) {
  if (length < HEAD) throw new PacketError("shorter than a packet's head");
  const head = new DataView(buffer, start, HEAD);
  const kind = head.getUint8(4);
  if (head.getUint32(0, true) !== MAGIC || (kind !== FULL && kind !== CHANGES)) throw new PacketError("not a packet");
  const n = head.getUint32(8, true);
  const w = head.getUint32(12, true);
  const b = head.getUint32(16, true);
  if (length !== HEAD + 3 * up8(4 * n) + 16 * n + 8 * w + up8(b)) throw new PacketError("the head tells of another length");
  let at = start + HEAD;
  const step = up8(4 * n);
  const keys = new Uint32Array(buffer, at, n);
  const widths = new Uint32Array(buffer, at + step, n);
  const qualities = new Uint32Array(buffer, at + 2 * step, n);
  at += 3 * step;
  const times = new Float64Array(buffer, at, n);
  const received = new Float64Array(buffer, at + 8 * n, n);
  at += 16 * n;
  const texts = b ? JSON.parse(utf8.decode(new Uint8Array(buffer, at + 8 * w, b))) : {};
  const entries = new Array(n);
  let values = 0;
  for (let i = 0; i < n; i++) {
    if (values + widths[i] > w) throw new PacketError("the widths do not add up");
    const v = new Float64Array(buffer, at + 8 * values, widths[i]);
    entries[i] = { key: keys[i], t: times[i], r: received[i], q: qualities[i], v, x: texts[i] ?? null };
    values += widths[i];
  }
  if (values !== w) throw new PacketError("the widths do not add up");
  return { kind, clock_ms: head.getFloat64(24, true), entries };
}

/** Only the moment a packet stands for, without reading the rest. */
export function packetClock(buffer, start) {
  return new DataView(buffer, start + 24, 8).getFloat64(0, true);
}

/**
 * Where the packets of a chunk lie.
 * @returns {{start: number, length: number, clock_ms: number}[]}
 */
export function splitChunk(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8) throw new PacketError("shorter than a chunk's head");
  const count = view.getUint32(0, true);
  const found = [];
  let at = 8;
  for (let i = 0; i < count; i++) {
    if (at + 8 + HEAD > buffer.byteLength) throw new PacketError("the chunk ends too early");
    const length = view.getUint32(at, true);
    if (length % 8 || at + 8 + length > buffer.byteLength) throw new PacketError("the chunk ends too early");
    found.push({ start: at + 8, length, clock_ms: packetClock(buffer, at + 8) });
    at += 8 + length;
  }
  return found;
}
