// Small DOM building, and writes that touch the page only where something changed.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}

export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const written = new WeakMap();

export function setText(node, text) {
  if (written.get(node) === text) return;
  written.set(node, text);
  node.textContent = text;
}

export function setAttr(node, name, value) {
  if (value === null || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

export function setStyle(node, name, value) {
  if (node.style[name] !== value) node.style[name] = value;
}

export const toggle = (node, name, on) => node.classList.toggle(name, Boolean(on));

/** A canvas that fills its parent, in device pixels; calls draw(context, width, height) when asked or resized. */
export class Sheet {
  constructor(parent, draw, label) {
    this.canvas = el("canvas", { class: "ft-sheet", role: "img", "aria-label": label });
    this.draw = draw;
    parent.append(this.canvas);
    // Here the layout is known; asked for later, each sheet would have the whole page laid out anew for the one before.
    this.resize = new ResizeObserver(() => {
      this.size = [parent.clientWidth, parent.clientHeight];
      this.ask();
    });
    this.size = [0, 0];
    this.resize.observe(parent);
    this.parent = parent;
    this.asked = 0;
  }

  ask() {
    if (!this.asked) this.asked = requestAnimationFrame(() => this.now());
  }

  now() {
    this.asked = 0;
    const [width, height] = this.size;
    if (!width || !height) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.draw(context, width, height);
  }

  dispose() {
    cancelAnimationFrame(this.asked);
    this.resize.disconnect();
    this.canvas.remove();
  }
}
