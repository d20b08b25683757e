import assert from "node:assert/strict";
import test from "node:test";
import { chunkShape, Player } from "../src/player.js";

const T0 = 1_795_156_320_000;
const up8 = (size) => (size + 7) & ~7;

/** A packet of entries [key, t, value], as the server writes it. */
function packet(kind, clock_ms, entries) {
  const n = entries.length;
  const step = up8(4 * n);
  const buffer = new ArrayBuffer(32 + 3 * step + 24 * n);
  const head = new DataView(buffer);
  head.setUint32(0, 0x31505446, true);
  head.setUint8(4, kind);
  head.setUint32(8, n, true);
  head.setUint32(12, n, true);
  head.setFloat64(24, clock_ms, true);
  const at = 32 + 3 * step;
  entries.forEach(([key, t, value], i) => {
    head.setUint32(32 + 4 * i, key, true);
    head.setUint32(32 + step + 4 * i, 1, true);
    head.setUint32(32 + 2 * step + 4 * i, 192, true);
    head.setFloat64(at + 8 * i, t, true);
    head.setFloat64(at + 8 * n + 8 * i, t, true);
    head.setFloat64(at + 16 * n + 8 * i, value, true);
  });
  return new Uint8Array(buffer);
}

/** A chunk of one packet a second: stream 1 counts the seconds, stream 2 never changes. */
function chunk(from, to, step = 1000) {
  const packets = [];
  for (let t = from; t < to; t += step) {
    const second = [1, t, (t - T0) / 1000];
    packets.push(t === from ? packet(1, t, [second, [2, from, 7]]) : packet(2, t, [second]));
  }
  const bytes = new Uint8Array(8 + packets.reduce((sum, one) => sum + 8 + one.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, packets.length, true);
  let at = 8;
  for (const one of packets) {
    view.setUint32(at, one.length, true);
    bytes.set(one, at + 8);
    at += 8 + one.length;
  }
  return bytes.buffer;
}

function filled(...spans) {
  const player = new Player();
  for (const [from, to] of spans) player.add(T0 + from, T0 + to, 10, chunk(T0 + from, T0 + to), T0);
  return player;
}

const shown = (player, at) => [...player.stateAt(T0 + at).state].map(([key, entry]) => [key, entry.v[0]]);

test("the state at a moment is the newest of each stream, and nothing later", () => {
  const player = filled([0, 30_000]);
  assert.deepEqual(shown(player, 0), [[1, 0], [2, 7]]);
  assert.deepEqual(shown(player, 4_999), [[1, 4], [2, 7]]);
  assert.deepEqual(shown(player, 5_000), [[1, 5], [2, 7]]);
});

test("going back inside a chunk forgets what came later", () => {
  const player = filled([0, 30_000]);
  assert.deepEqual(shown(player, 20_000), [[1, 20], [2, 7]]);
  assert.deepEqual(shown(player, 3_000), [[1, 3], [2, 7]]);
  assert.equal(player.stateAt(T0 + 2_000).changed, null);
});

test("going on tells which streams changed, and only those", () => {
  const player = filled([0, 30_000]);
  player.stateAt(T0 + 1_000);
  assert.deepEqual([...player.stateAt(T0 + 3_500).changed], [1]);
  assert.deepEqual([...player.stateAt(T0 + 3_900).changed], []);
});

test("any order of seeks shows the same states", () => {
  const moments = [29_000, 0, 45_000, 12_345, 59_999, 30_000, 100];
  const player = filled([0, 30_000], [30_000, 60_000]);
  for (const at of moments) assert.deepEqual(shown(player, at)[0], [1, Math.floor(at / 1000)]);
});

test("what is not in memory is not shown", () => {
  assert.equal(filled([0, 30_000]).stateAt(T0 + 30_000), null);
  assert.equal(filled([0, 30_000]).stateAt(T0 - 1), null);
});

test("prefetching asks for what lies ahead until there is enough, and never beyond what exists", () => {
  const player = new Player();
  const limit = T0 + 3_600_000;
  const [from, to, hz] = player.wanted(T0 + 5_000, 1, limit);
  assert.ok(from <= T0 + 5_000 && to > T0 + 5_000 && hz <= 10);
  player.add(from, to, hz, chunk(from, to), T0 + 5_000);
  const next = player.wanted(T0 + 5_000, 1, limit);
  assert.equal(next[0], to);
  player.add(next[0], next[1], hz, chunk(next[0], next[1]), T0 + 5_000);
  assert.equal(player.wanted(T0 + 5_000, 1, limit), null);
  assert.equal(new Player().wanted(T0 + 5_000, 1, T0 + 7_000)[1], T0 + 7_000);
});

test("standing still, one chunk is enough", () => {
  const player = filled([0, 30_000]);
  assert.equal(player.wanted(T0 + 29_000, 1, T0 + 3_600_000, false), null);
});

test("memory is bounded: the chunks farthest from the clock are let go", () => {
  const player = new Player({ maxBytes: 3 * chunk(T0, T0 + 30_000).byteLength });
  for (let i = 0; i < 20; i++) player.add(T0 + i * 30_000, T0 + (i + 1) * 30_000, 10, chunk(T0 + i * 30_000, T0 + (i + 1) * 30_000), T0 + i * 30_000);
  assert.ok(player.bytes <= player.maxBytes);
  assert.ok(player.covers(T0 + 19.5 * 30_000));
  assert.ok(!player.covers(T0));
});

test("a chunk holds at most 600 packets and shows at most 20 a second at any speed", () => {
  for (const speed of [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64]) {
    const { span_ms, hz } = chunkShape(speed);
    assert.ok((span_ms / 1000) * hz + 1 <= 600, `${speed}`);
    assert.ok(hz * speed <= 20, `${speed}`);
  }
});

test("backwards the record is asked for behind the clock, as far as playing needs it", () => {
  const player = filled([300_000, 330_000]);
  assert.deepEqual(player.wanted(T0 + 310_000, -1, T0 + 900_000), [T0 + 270_000, T0 + 300_000, 10]);
  assert.equal(player.wanted(T0 + 310_000, -1, T0 + 900_000, false), null);
  player.add(T0 + 270_000, T0 + 300_000, 10, chunk(T0 + 270_000, T0 + 300_000), T0 + 310_000);
  assert.equal(player.wanted(T0 + 310_000, -1, T0 + 900_000), null);
});

test("a step by data goes to the next packet that holds one of the streams, and no further than memory", () => {
  const player = filled([0, 30_000]);
  assert.equal(player.dataTime(T0 + 4_500, 1, new Set([1])), T0 + 5_000);
  assert.equal(player.dataTime(T0 + 5_000, 1, new Set([1])), T0 + 6_000);
  assert.equal(player.dataTime(T0 + 5_000, -1, new Set([1])), T0 + 4_000);
  assert.equal(player.dataTime(T0 + 5_000, 1, new Set([2])), null);
  assert.equal(player.dataTime(T0 + 29_500, 1), null);
  assert.equal(player.dataTime(T0 + 90_000, 1), null);
});

for (const speed of [64, -64, 128])
  test(`a day played at ${speed}x never waits for what was fetched, and memory stays bounded`, () => {
    const player = new Player({ maxBytes: 100_000 });
    const day = 24 * 3600_000;
    const [start, end] = speed > 0 ? [0, day] : [day - 1, 0];
    let most = 0;
    let fetched = 0;
    for (let at = start; speed > 0 ? at < end : at > end; at += 0.05 * 1000 * speed) {
      // every chunk the player wants comes between two ticks
      for (let i = 0, wanted; i < 8 && (wanted = player.wanted(T0 + at, speed, T0 + day)); i++, fetched++) player.add(wanted[0], wanted[1], wanted[2], chunk(wanted[0], wanted[1], 10_000), T0 + at);
      most = Math.max(most, player.bytes);
      assert.ok(player.covers(T0 + at), `nothing in memory ${at} ms into the day`);
      assert.equal(player.stateAt(T0 + at).state.get(1).t, Math.floor(at / 10_000) * 10_000 + T0);
    }
    assert.ok(fetched >= day / 3600_000, `${fetched} chunks`);
    assert.ok(most <= 100_000, `${most} B in memory`);
  });
