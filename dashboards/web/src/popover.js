// A small sheet beside a button, above everything, closed by Escape or a click elsewhere.
import { el } from "./dom.js";

const GAP = 6;

export class Popover {
  /** @param {HTMLElement} anchor the button that opens it; `opened` is called each time before it shows. */
  constructor(anchor, label, className, opened) {
    this.anchor = anchor;
    this.node = el("div", { class: `ft ft-pop ${className}`, popover: "auto", role: "dialog", "aria-label": label });
    anchor.setAttribute("aria-haspopup", "dialog");
    anchor.setAttribute("aria-expanded", "false");
    anchor.addEventListener("click", () => this.toggle());
    this.node.addEventListener("toggle", (event) => {
      const open = event.newState === "open";
      anchor.setAttribute("aria-expanded", String(open));
      if (!open) return;
      opened();
      this.place();
    });
    this.opened = opened;
  }

  get open() {
    return this.node.matches(":popover-open");
  }

  toggle() {
    if (!this.node.isConnected) document.body.append(this.node);
    this.node.togglePopover();
  }

  /** Above its button where there is room, else below. */
  place() {
    const at = this.anchor.getBoundingClientRect();
    const { offsetWidth: wide, offsetHeight: high } = this.node;
    const top = at.top - high - GAP;
    this.node.style.left = `${Math.max(GAP, Math.min(window.innerWidth - wide - GAP, at.left))}px`;
    this.node.style.top = `${top >= GAP ? top : Math.min(window.innerHeight - high - GAP, at.bottom + GAP)}px`;
  }

  dispose() {
    this.node.remove();
  }
}
