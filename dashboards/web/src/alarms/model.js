// The alarms of the page's moment: live from the socket, of the past as they were; and what people do to them.
import { clock } from "../clock.js";
import { live } from "../live.js";
import { Poll } from "../poll.js";
import { saidOf } from "../words.js";

const REPLAY_MS = 1000;
const LIVE_MS = 3_600_000;
const PENDING_MS = 6000;
const AT_ONCE = 500;
export const WINDOW_MS = 600_000;
export const HIDDEN = new Set(["G", "H", "I"]);
export const PRIORITIES = [1, 2, 3, 4];

/** What waits for somebody first, then the priority, then the newest. */
export function byUrgency(a, b) {
  return Number(b.waits) - Number(a.waits) || (a.priority ?? 5) - (b.priority ?? 5) || (b.raised_ms ?? 0) - (a.raised_ms ?? 0) || a.id.localeCompare(b.id);
}

/** The rows after a message of the socket, a new map. */
export function merged(rows, message) {
  const next = message.full ? new Map() : new Map(rows);
  for (const id of message.gone) next.delete(id);
  for (const row of message.alarms) next.set(row.id, row);
  return next;
}

/** By priority: how many are shown to operators, and how many of them wait. */
export function counted(rows) {
  const counts = new Map(PRIORITIES.map((priority) => [priority, { n: 0, waits: 0 }]));
  for (const row of rows) {
    const count = counts.get(row.priority);
    if (!count || HIDDEN.has(row.letter)) continue;
    count.n++;
    if (row.waits) count.waits++;
  }
  return counts;
}

/** By asset: {priority, waits, n} of the alarms that operators are shown; rows come in order of urgency. */
export function worstByAsset(rows) {
  const found = new Map();
  for (const row of rows) {
    if (HIDDEN.has(row.letter) || !row.priority) continue;
    const one = found.get(row.asset);
    if (!one) found.set(row.asset, { priority: row.priority, waits: row.waits, n: 1 });
    else {
      one.n++;
      one.waits ||= row.waits;
      one.priority = Math.min(one.priority, row.priority);
    }
  }
  return found;
}

class Alarms {
  constructor() {
    this.liveRows = new Map();
    this.liveLoad = {};
    this.past = null;
    this.known = false;
    this.rights = {};
    this.pending = new Map();
    this.listeners = new Set();
    this.version = 0;
    this.failed = null;
    live.on("alarms", (message) => {
      this.liveRows = merged(this.liveRows, message);
      this.liveLoad = message.load;
      this.known = true;
      for (const [id, one] of this.pending) if (this.liveRows.get(id) !== one.row) this.pending.delete(id);
      if (!clock.replaying) this.tell();
    });
    let mode = clock.mode;
    clock.subscribe(() => {
      if (clock.mode === mode) return;
      mode = clock.mode;
      if (clock.replaying) this.watchPast();
      this.past = null;
      this.tell();
    });
  }

  /** Ask for what was, as long as the page stands in the past. */
  watchPast() {
    this.poll ??= new Poll(
      (asOf) => `/api/v1/alarms${asOf === null ? "" : `?as_of=${Math.round(asOf)}`}`,
      (answer, moment) => {
        if (moment === null) return;
        this.past = { rows: new Map(answer.alarms.map((row) => [row.id, row])), load: answer.load };
        this.tell();
      },
      LIVE_MS,
      (message) => {
        this.failed = message;
        this.tell();
      },
      REPLAY_MS,
    );
  }

  get ready() {
    return clock.replaying ? this.past !== null : this.known;
  }

  get rows() {
    return clock.replaying ? (this.past?.rows ?? new Map()) : this.liveRows;
  }

  get load() {
    return clock.replaying ? (this.past?.load ?? {}) : this.liveLoad;
  }

  /** Every alarm of the moment, the most urgent first. */
  get list() {
    if (this.sortedAt !== this.version) {
      this.sorted = [...this.rows.values()].sort(byUrgency);
      this.sortedAt = this.version;
    }
    return this.sorted;
  }

  /** By asset: the most urgent alarm that operators are shown, {priority, waits, n}. */
  get byAsset() {
    if (this.assetsAt !== this.version) {
      this.assets = worstByAsset(this.list);
      this.assetsAt = this.version;
    }
    return this.assets;
  }

  /** How many came within the last ten minutes, and whether any operating position is flooded. */
  rate() {
    const since = clock.now() - WINDOW_MS;
    const recent = Object.values(this.load).flatMap((one) => one.recent_ms).filter((ms) => ms > since);
    return { recent, flood: Object.values(this.load).some((one) => one.flood) };
  }

  on(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell() {
    this.version++;
    for (const listener of [...this.listeners]) listener();
  }

  /** Whether the person may do it there, now. */
  may(kind, row) {
    return !clock.replaying && row.can.includes(kind) && (this.rights[row.site] ?? []).includes(kind) && !this.isPending(row);
  }

  isPending(row) {
    const one = this.pending.get(row.id);
    return Boolean(one) && performance.now() - one.at < PENDING_MS;
  }

  /** Do one thing to several alarms; throws with what the server says. */
  async act(kind, rows, { why = "", for_s = 0 } = {}) {
    for (let at = 0; at < rows.length; at += AT_ONCE) {
      const some = rows.slice(at, at + AT_ONCE);
      const actions = some.map((row) => ({ kind, alarm: row.id, occurrence: row.occurrence, why, for_s }));
      const answer = await fetch("/api/v1/alarms/actions", { method: "POST", credentials: "same-origin", headers: { "content-type": "application/json" }, body: JSON.stringify({ actions }) });
      if (!answer.ok) {
        const told = await answer.json().catch(() => null);
        throw new Error(saidOf(told?.error) ?? `${answer.status} ${answer.statusText}`);
      }
      for (const row of some) this.pending.set(row.id, { row: this.liveRows.get(row.id), at: performance.now() });
    }
    this.tell();
    setTimeout(() => this.tell(), PENDING_MS + 50);
  }
}

export const alarms = new Alarms();
