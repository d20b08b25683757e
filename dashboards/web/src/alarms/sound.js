// Alarms by ear: a pattern of tones by priority, for as long as somebody must look. Silenced by a click, and remembered.

const KEPT = "factory-twin.alarm-sound";
const AGAIN_MS = { 1: 4000, 2: 12_000 };
/** By priority: the tones, Hz, one after the other; the more urgent, the higher, the more, the faster. */
const TONES = { 1: [960, 770, 960, 770, 960], 2: [770, 770, 770], 3: [620, 620], 4: [500] };
const LENGTH_S = { 1: 0.12, 2: 0.16, 3: 0.2, 4: 0.24 };
const VOLUME = 0.14;

/** Which alarm is to be heard: the most urgent of those that wait. */
export const loudest = (rows) => rows.reduce((found, row) => (row.waits && row.priority && (!found || row.priority < found) ? row.priority : found), null);

export class Sound {
  constructor(changed = () => {}) {
    this.changed = changed;
    this.heard = null;
    this.urgent = null;
    try {
      this.on = localStorage.getItem(KEPT) !== "off";
    } catch {
      this.on = true;
    }
    // Browsers let a page be heard only after somebody has touched it.
    this.wake = () => {
      this.context ??= new AudioContext();
      this.context.resume().then(() => this.changed());
      if (this.context.state === "running") this.sleep();
    };
    for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, this.wake, true);
    this.timer = setInterval(() => this.again(), 500);
  }

  sleep() {
    for (const name of ["pointerdown", "keydown"]) document.removeEventListener(name, this.wake, true);
  }

  get allowed() {
    return this.context?.state === "running";
  }

  toggle() {
    this.on = !this.on;
    try {
      localStorage.setItem(KEPT, this.on ? "on" : "off");
    } catch {
      // A browser that keeps nothing is asked again the next time.
    }
    this.changed();
  }

  /** Hear of the alarms that stand: a new row that waits is played, urgent ones again and again. */
  look(rows) {
    const waiting = new Map(rows.filter((row) => row.waits).map((row) => [row.id, row]));
    this.urgent = loudest([...waiting.values()]);
    const before = this.heard;
    this.heard = new Map([...waiting].map(([id, row]) => [id, row.occurrence]));
    if (before === null) return;
    const fresh = [...waiting.values()].filter((row) => before.get(row.id) !== row.occurrence);
    const first = loudest(fresh);
    if (first) this.play(first);
  }

  /** Nothing is heard of the past, and coming back is no news. */
  forget() {
    this.heard = null;
    this.urgent = null;
  }

  again() {
    const every = AGAIN_MS[this.urgent];
    if (every && performance.now() - (this.played ?? 0) > every) this.play(this.urgent);
  }

  play(priority) {
    if (!this.on || !this.allowed) return;
    this.played = performance.now();
    const { context } = this;
    const length = LENGTH_S[priority] ?? LENGTH_S[4];
    (TONES[priority] ?? TONES[4]).forEach((hz, i) => {
      const begin = context.currentTime + i * length * 1.5;
      const tone = context.createOscillator();
      const gain = context.createGain();
      tone.type = "triangle";
      tone.frequency.value = hz;
      gain.gain.setValueAtTime(0, begin);
      gain.gain.linearRampToValueAtTime(VOLUME, begin + 0.015);
      gain.gain.setValueAtTime(VOLUME, begin + length - 0.03);
      gain.gain.linearRampToValueAtTime(0, begin + length);
      tone.connect(gain).connect(context.destination);
      tone.start(begin);
      tone.stop(begin + length);
    });
  }

  dispose() {
    clearInterval(this.timer);
    this.sleep();
    this.context?.close();
  }
}
