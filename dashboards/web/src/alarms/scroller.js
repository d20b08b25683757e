// A list of which only the rows in sight are in the page.
import { el } from "../dom.js";

const AROUND = 6;

export class Scroller {
  /**
   * @param {(item: object) => HTMLElement} make a row's node, empty
   * @param {(node: HTMLElement, item: object, at: number) => void} draw fill it
   * @param {(item: object) => string} key what a row is known by
   */
  constructor(make, draw, key, attributes = {}) {
    Object.assign(this, { make, draw, key });
    this.items = [];
    this.nodes = new Map();
    this.fill = el("div", { class: "ft-fill" });
    this.node = el("div", { class: "ft-scroller", ...attributes }, this.fill);
    this.node.addEventListener("scroll", () => this.show(), { passive: true });
    this.resize = new ResizeObserver(() => this.show());
    this.resize.observe(this.node);
  }

  /** px; the page's styles say how tall a row is. */
  get tall() {
    return parseFloat(getComputedStyle(this.node).getPropertyValue("--row")) || 38;
  }

  set(items) {
    this.items = items;
    this.show();
  }

  show() {
    const tall = this.tall;
    this.fill.style.height = `${this.items.length * tall}px`;
    const first = Math.max(0, Math.floor(this.node.scrollTop / tall) - AROUND);
    const last = Math.min(this.items.length, Math.ceil((this.node.scrollTop + this.node.clientHeight) / tall) + AROUND);
    const wanted = new Set();
    for (let at = first; at < last; at++) {
      const item = this.items[at];
      const key = this.key(item);
      wanted.add(key);
      let node = this.nodes.get(key);
      if (!node) {
        node = this.make(item);
        this.nodes.set(key, node);
        this.fill.append(node);
      }
      const top = `${at * tall}px`;
      if (node.style.top !== top) node.style.top = top;
      this.draw(node, item, at);
    }
    for (const [key, node] of this.nodes) {
      if (wanted.has(key)) continue;
      // What is focused stays in the page, out of sight, until the focus goes elsewhere.
      if (node.contains(document.activeElement) && this.items.some((item) => this.key(item) === key)) continue;
      node.remove();
      this.nodes.delete(key);
    }
  }

  reveal(at) {
    const tall = this.tall;
    const { scrollTop, clientHeight } = this.node;
    if (at * tall < scrollTop) this.node.scrollTop = at * tall;
    else if ((at + 1) * tall > scrollTop + clientHeight) this.node.scrollTop = (at + 1) * tall - clientHeight;
    this.show();
  }

  focus(at) {
    this.reveal(at);
    this.nodes.get(this.key(this.items[at]))?.focus();
  }

  dispose() {
    this.resize.disconnect();
  }
}
