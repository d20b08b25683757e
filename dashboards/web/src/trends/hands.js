// Mouse, touch and keys on the plot of a trend board: pan, zoom, choose a part, set and move cursors.
import { panned, showing, withCursor, zoomed } from "./board.js";

const CLICK_PX = 4;
const GRAB_PX = 6;
const WHEEL = 1.2;

export class Hands {
  /** @param board has board, now, window, place, hover, selecting, momentAt(x), set(board), redraw(), click(x, y) */
  constructor(plot, board) {
    this.plot = plot;
    this.board = board;
    this.pointers = new Map();
    plot.addEventListener("pointerdown", (event) => this.down(event));
    plot.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) plot.addEventListener(name, (event) => this.up(event, name === "pointerup"));
    plot.addEventListener("pointerleave", () => this.leave());
    plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    plot.addEventListener("keydown", (event) => this.key(event));
  }

  at(event) {
    const box = this.plot.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  xOf(moment) {
    const { left, right } = this.board.place;
    const { from, to } = this.board.window;
    return left + ((moment - from) / (to - from)) * (right - left);
  }

  get inner() {
    const { left, right } = this.board.place ?? { left: 0, right: this.plot.clientWidth };
    return Math.max(1, right - left);
  }

  down(event) {
    if (event.button !== 0 || !this.board.place) return;
    const at = this.at(event);
    this.plot.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) {
      this.drag = { kind: "pinch", before: this.spread() };
      return;
    }
    const cursor = ["a", "b"].find((name) => this.board.board[name] !== null && Math.abs(this.xOf(this.board.board[name]) - at.x) <= GRAB_PX);
    const kind = event.shiftKey ? "select" : cursor ? "cursor" : "pan";
    this.drag = { kind, cursor, from: at, moved: false, window: this.board.window, moment: this.board.momentAt(at.x) };
  }

  spread() {
    const xs = [...this.pointers.values()].map((one) => one.x);
    return { middle: (xs[0] + xs[1]) / 2, wide: Math.max(10, Math.abs(xs[0] - xs[1])) };
  }

  move(event) {
    const at = this.at(event);
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, at);
    const { drag, board } = this;
    board.hover = event.pointerType === "touch" || drag ? null : board.momentAt(at.x);
    if (!drag) {
      this.plot.classList.toggle("is-at-cursor", ["a", "b"].some((name) => board.board[name] !== null && Math.abs(this.xOf(board.board[name]) - at.x) <= GRAB_PX));
      board.redraw();
      return;
    }
    if (drag.kind === "pinch") {
      const now = this.spread();
      const share = (now.middle - board.place.left) / this.inner;
      board.set(panned(zoomed(board.board, board.now, drag.before.wide / now.wide, share), board.now, (drag.before.middle - now.middle) / this.inner));
      drag.before = now;
      return;
    }
    if (!drag.moved && Math.hypot(at.x - drag.from.x, at.y - drag.from.y) < CLICK_PX) return;
    drag.moved = true;
    if (drag.kind === "cursor") board.set({ ...board.board, [drag.cursor]: board.momentAt(at.x) });
    else if (drag.kind === "select") {
      board.selecting = [drag.moment, board.momentAt(at.x)];
      board.redraw();
    } else {
      this.plot.classList.add("is-dragged");
      const by = ((drag.from.x - at.x) / this.inner) * (drag.window.to - drag.window.from);
      board.set(showing(board.board, board.now, drag.window.from + by, drag.window.to + by));
    }
  }

  up(event, meant) {
    const at = this.at(event);
    this.pointers.delete(event.pointerId);
    const { drag, board } = this;
    this.drag = null;
    this.plot.classList.remove("is-dragged");
    if (!drag || drag.kind === "pinch") return;
    if (board.selecting) {
      const [from, to] = [...board.selecting].sort((one, other) => one - other);
      board.selecting = null;
      if (meant) board.set(showing(board.board, board.now, from, to));
      board.redraw();
    } else if (meant && !drag.moved) board.click(at.x, at.y);
  }

  leave() {
    this.board.hover = null;
    this.board.redraw();
  }

  wheel(event) {
    event.preventDefault();
    const { board } = this;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      board.set(panned(board.board, board.now, Math.sign(event.deltaX || event.deltaY) / 10));
      return;
    }
    const share = Math.min(1, Math.max(0, (this.at(event).x - (board.place?.left ?? 0)) / this.inner));
    board.set(zoomed(board.board, board.now, WHEEL ** Math.sign(event.deltaY), share));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { board } = this;
    const { from, to } = board.window;
    const step = ((to - from) / this.inner) * (event.shiftKey ? 10 : 1);
    const last = board.board.b !== null ? "b" : "a";
    const nudge = (by) => (board.board[last] === null ? withCursor(board.board, (from + to) / 2) : { ...board.board, [last]: board.board[last] + by });
    const meant = {
      ArrowLeft: () => panned(board.board, board.now, event.shiftKey ? -0.5 : -0.1),
      ArrowRight: () => panned(board.board, board.now, event.shiftKey ? 0.5 : 0.1),
      ArrowUp: () => zoomed(board.board, board.now, 1 / 1.5, 0.5),
      ArrowDown: () => zoomed(board.board, board.now, 1.5, 0.5),
      "+": () => zoomed(board.board, board.now, 1 / 1.5, 0.5),
      "=": () => zoomed(board.board, board.now, 1 / 1.5, 0.5),
      "-": () => zoomed(board.board, board.now, 1.5, 0.5),
      a: () => ({ ...board.board, a: board.hover ?? (from + to) / 2 }),
      b: () => ({ ...board.board, b: board.hover ?? (from + to) / 2 }),
      ",": () => nudge(-step),
      ".": () => nudge(step),
      "<": () => nudge(-step),
      ">": () => nudge(step),
      0: () => ({ ...board.board, to: null }),
      Escape: () => ({ ...board.board, a: null, b: null }),
    }[event.key];
    if (!meant) return;
    event.preventDefault();
    event.stopPropagation();
    board.set(meant());
  }
}
