// One socket a page: the newest entry of every stream, the directory, the status.
import { decodePacket, FULL } from "./packet.js";
import { indexDirectory } from "./directory.js";

const BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 15000;
const SILENT_AFTER_MS = 20000;
const CHANGE_SITE_MS = 60;
const ANY_SITE_MS = 700;
/** Pages whose address goes on with a site. */
const SITE_PAGES = new Set(["floor", "asset", "line", "cell", "fleet", "oee", "report", "whatif"]);

class Live {
  constructor() {
    this.entries = new Map();
    this.directory = indexDirectory(null);
    this.status = null;
    this.connected = false;
    this.lostSince = null;
    this.offset_ms = 0;
    this.wants = new Map();
    this.site = null;
    this.backoff = BACKOFF_MS;
    this.heard = { packet: new Set(), directory: new Set(), status: new Set(), site: new Set(), alarms: new Set(), session: new Set(), joined: new Set() };
    this.packets = 0;
  }

  on(event, listener) {
    this.heard[event].add(listener);
    return () => this.heard[event].delete(listener);
  }

  tell(event, value) {
    for (const listener of [...this.heard[event]]) listener(value);
  }

  /** The server's time now, ms: the browser's clock corrected by what the packets say. */
  now() {
    return Date.now() + this.offset_ms;
  }

  /** Ask for a site ("*" = all, "" = whichever the others want) until the returned function is called. */
  want(site) {
    const ticket = {};
    this.wants.set(ticket, site || "");
    this.plan();
    return () => {
      this.wants.delete(ticket);
      this.plan();
    };
  }

  /** Begin before the page knows what it wants: the directory is there when its parts are. */
  early(path) {
    const [page, site] = path.split("/").filter(Boolean);
    if (this.site === null) this.open(site && SITE_PAGES.has(page) ? decodeURIComponent(site) : "*");
  }

  plan() {
    clearTimeout(this.planned);
    // A page that names no site yet will do so in a moment.
    const named = [...this.wants.values()].some(Boolean);
    this.planned = setTimeout(() => {
      if (!this.wants.size) return;
      const sites = new Set([...this.wants.values()].filter(Boolean));
      const site = sites.size === 1 ? [...sites][0] : "*";
      // A socket that already brings every site stays when only the status bar is left on the page.
      if (this.site === null || (sites.size && site !== this.site)) this.open(site);
    }, named ? CHANGE_SITE_MS : ANY_SITE_MS);
  }

  open(site) {
    if (this.site !== site) {
      this.site = site;
      this.tell("site", site);
    }
    clearTimeout(this.retry);
    this.close();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live?site=${encodeURIComponent(site)}`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.last = performance.now();
    socket.onopen = () => this.tell("joined", this);
    socket.onmessage = (message) => this.receive(socket, message.data);
    socket.onclose = () => this.lost(socket);
    clearInterval(this.watch);
    this.watch = setInterval(() => {
      if (this.connected && performance.now() - this.last > SILENT_AFTER_MS) socket.close();
    }, 2000);
  }

  /** Tell the server; whether there is a socket to tell it by. */
  send(text) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(text);
    return true;
  }

  close() {
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onclose = socket.onmessage = null;
      socket.close();
    }
  }

  lost(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    if (this.connected || this.lostSince === null) this.lostSince = this.now();
    this.connected = false;
    this.tell("status", this.status);
    this.retry = setTimeout(() => this.open(this.site), this.backoff * (0.75 + Math.random() / 2));
    this.backoff = Math.min(MAX_BACKOFF_MS, this.backoff * 2);
  }

  receive(socket, data) {
    if (socket !== this.socket) return;
    this.last = performance.now();
    this.backoff = BACKOFF_MS;
    if (!this.connected) {
      this.connected = true;
      this.lostSince = null;
      this.tell("status", this.status);
    }
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.type === "directory") {
        this.directory = indexDirectory(message);
        this.tell("directory", this.directory);
      } else if (message.type === "status") {
        this.status = message;
        this.correct(message.clock_ms);
        this.tell("status", message);
      } else if (message.type === "session") {
        this.tell("session", message);
      } else if (message.type === "alarms") {
        this.tell("alarms", message);
      }
      return;
    }
    const packet = decodePacket(data);
    this.packets++;
    this.correct(packet.clock_ms);
    if (packet.kind === FULL) this.entries = new Map();
    for (const entry of packet.entries) this.entries.set(entry.key, entry);
    this.tell("packet", packet);
  }

  correct(clock_ms) {
    const offset = clock_ms - Date.now();
    // The least delayed message is nearest to the truth; a step of the server's clock is followed at once.
    if (Math.abs(offset - this.offset_ms) > 5000) this.offset_ms = offset;
    else this.offset_ms = Math.max(offset, this.offset_ms - 2);
  }
}

export const live = new Live();
