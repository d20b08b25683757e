import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { decodePacket, PacketError, splitChunk } from "../src/packet.js";

const folder = new URL("../../../tests/data/packets/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
const bytesOf = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;
const read = (name) => JSON.parse(readFileSync(new URL(name, folder), "utf8"));

test("the recorded packets are there", () => assert.equal(files.length, 3));

for (const name of files) {
  test(`the recorded packet ${name} decodes to its JSON`, () => {
    const recorded = read(name);
    const texts = new Map(recorded.streams.map((stream) => [stream.key, stream.texts.length]));
    const packet = decodePacket(bytesOf(recorded.packet_b64));
    const entries = packet.entries.map((entry) => ({
      key: entry.key,
      t_ms: entry.t,
      received_ms: entry.r,
      quality: entry.q,
      values: [...entry.v].map((value) => (Number.isNaN(value) ? null : value)),
      texts: entry.x ?? new Array(texts.get(entry.key)).fill(null),
    }));
    assert.deepEqual({ kind: packet.kind, clock_ms: packet.clock_ms, entries }, recorded.expected);
  });
}

test("bytes that are no packet are refused", () => {
  const bytes = new Uint8Array(bytesOf(read("full-state.json").packet_b64));
  for (const length of [0, 8, 31, bytes.length - 8]) assert.throws(() => decodePacket(bytes.slice(0, length).buffer), PacketError);
  const other = bytes.slice();
  other[0] ^= 1;
  assert.throws(() => decodePacket(other.buffer), PacketError);
  const kind = bytes.slice();
  kind[4] = 3;
  assert.throws(() => decodePacket(kind.buffer), PacketError);
});

test("a chunk is split into its packets, which read as they did alone", () => {
  const packets = files.map((name) => new Uint8Array(bytesOf(read(name).packet_b64)));
  const chunk = new Uint8Array(8 + packets.reduce((sum, packet) => sum + 8 + packet.length, 0));
  const view = new DataView(chunk.buffer);
  view.setUint32(0, packets.length, true);
  let at = 8;
  for (const packet of packets) {
    view.setUint32(at, packet.length, true);
    chunk.set(packet, at + 8);
    at += 8 + packet.length;
  }
  const found = splitChunk(chunk.buffer);
  assert.equal(found.length, packets.length);
  found.forEach(({ start, length, clock_ms }, i) => {
    const alone = decodePacket(packets[i].buffer);
    const inside = decodePacket(chunk.buffer, start, length);
    assert.equal(clock_ms, alone.clock_ms);
    assert.deepEqual(
      inside.entries.map((entry) => [entry.key, entry.t, [...entry.v]]),
      alone.entries.map((entry) => [entry.key, entry.t, [...entry.v]]),
    );
  });
  assert.throws(() => splitChunk(chunk.buffer.slice(0, chunk.length - 8)), PacketError);
});
