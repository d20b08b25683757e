// The floor as a plan to work on: assets are dragged, moved by keys and turned; what moved is listed before it is kept.
import { fetchJson } from "./clock.js";
import { Core } from "./component.js";
import { named } from "./directory.js";
import { el, setText, svg, toggle } from "./dom.js";
import { date, minute, number, shortName } from "./format.js";
import { Edits, GRIDS_M, TURN_RAD } from "./layout/edits.js";
import { live } from "./live.js";
import { floorHref, follow } from "./navigate.js";
import { send } from "./trends/groups.js";
import { t } from "./words.js";

const FOOT_M = { robot_arm: [1.9, 1.9], machine_tool: [2.6, 2.1], inspection: [2.4, 2.4], conveyor: [3, 0.8], buffer: [1, 1], energy_meter: [0.8, 0.8], environment: [0.8, 0.8] };
const MOVES_ITSELF = "mobile_robot";
const MAX_DRAWING_BYTES = 1_000_000;
const LETTER_M = 0.52;
const DEGREE = 180 / Math.PI;

export class LayoutEditorCore extends Core {
  static rebuildOn = ["site", "lang", "timezone", "words"];

  constructor(root, props, emit) {
    super(root, props, emit);
    this.grid = GRIDS_M[1];
    this.picked = null;
    this.abort = new AbortController();
    this.until(() => this.abort.abort());
    this.plan = el("div", { class: "ft-lay-plan" });
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.moved = el("ul", { class: "ft-lay-moved ft-scroll" });
    this.versions = el("ul", { class: "ft-lay-versions ft-scroll" });
    this.why = el("input", { type: "text", maxlength: "200", placeholder: t("layout.why"), "aria-label": t("layout.why") });
    root.append(
      el("section", { class: "card ft-lay-card" }, this.toolbar(), this.note, this.plan),
      el("div", { class: "ft-lay-side" }, el("section", { class: "card" }, el("header", { class: "card-h" }, el("h2", null, t("layout.changes"))), this.moved, el("div", { class: "ft-lay-save" }, this.why, this.saveButton)), el("section", { class: "card" }, el("header", { class: "card-h" }, el("h2", null, t("layout.versions"))), this.versions)),
    );
    this.until(live.on("directory", () => this.draw()));
    const leave = (event) => this.edits?.isChanged && event.preventDefault();
    window.addEventListener("beforeunload", leave);
    this.until(() => window.removeEventListener("beforeunload", leave));
    this.load();
  }

  async load() {
    try {
      this.take(await fetchJson(`/view/layout?site=${encodeURIComponent(this.props.site)}`, this.abort.signal));
    } catch (error) {
      if (!this.abort.signal.aborted) this.say(t("layout.not_read", { detail: String(error?.message ?? error) }));
    }
  }

  take(answer) {
    this.answer = answer;
    this.edits = new Edits(answer);
    this.why.value = "";
    this.draw();
  }

  say(text) {
    this.note.hidden = !text;
    setText(this.note, text);
  }

  // ---- frame ----

  toolbar() {
    const button = (key, text, action) => el("button", { class: "btn s", type: "button", title: t(key), "aria-label": t(key), onclick: action }, text);
    this.undo = button("layout.undo_do", t("layout.undo"), () => this.step(() => this.edits.undo()));
    this.redo = button("layout.redo_do", t("layout.redo"), () => this.step(() => this.edits.redo()));
    this.left = button("layout.turn_left", "⟲", () => this.step(() => this.edits.turn(this.picked, TURN_RAD)));
    this.right = button("layout.turn_right", "⟳", () => this.step(() => this.edits.turn(this.picked, -TURN_RAD)));
    this.home = button("layout.home_do", t("layout.home"), () => this.step(() => this.edits.home(this.picked)));
    this.grids = GRIDS_M.map((m) => el("button", { type: "button", "data-m": m, onclick: () => this.step(() => (this.grid = m)) }, `${m} m`));
    this.file = el("input", { type: "file", accept: ".svg,.png,image/svg+xml,image/png", hidden: true, onchange: () => this.upload() });
    this.bare = button("layout.no_drawing_do", t("layout.no_drawing"), () => this.step(() => this.edits.apply({ drawing: "" })));
    this.saveButton = el("button", { class: "btn main-btn", type: "button", onclick: () => this.save() }, t("layout.save"));
    return el(
      "div",
      { class: "ft-board-bar", role: "toolbar", "aria-label": t("layout.title") },
      el("span", { class: "grp" }, this.undo, this.redo),
      el("span", { class: "grp" }, el("span", { class: "lab" }, t("layout.grid")), el("span", { class: "seg", role: "group", "aria-label": t("layout.grid") }, this.grids)),
      el("span", { class: "grp" }, this.left, this.right, this.home),
      el("span", { class: "grp" }, button("layout.drawing_do", t("layout.drawing"), () => this.file.click()), this.bare, this.file),
      el("span", { class: "grp end" }, el("a", { class: "btn s", href: floorHref(this.props.site), onclick: follow }, t("layout.back"))),
    );
  }

  step(what) {
    if (!this.edits) return;
    what();
    this.draw();
  }

  /** Everything again: a plan is small, and a step is rare. */
  draw() {
    const site = live.directory.sites.get(this.props.site);
    if (!this.edits || !site) return;
    const focused = this.plan.contains(document.activeElement);
    this.plan.replaceChildren(this.drawing(site));
    if (focused) this.plan.querySelector("[data-picked]")?.focus();
    for (const one of [this.left, this.right, this.home]) one.disabled = !this.picked;
    this.undo.disabled = !this.edits.past.length;
    this.redo.disabled = !this.edits.future.length;
    this.bare.disabled = !this.edits.now.drawing;
    this.saveButton.disabled = !this.edits.isChanged;
    for (const one of this.grids) toggle(one, "on", Number(one.dataset.m) === this.grid);
    this.listMoved();
    this.listVersions();
  }

  drawing(site) {
    const [w, d] = site.size_m;
    this.size = [w, d];
    const pad = 1;
    const shapes = [svg("rect", { x: 0, y: 0, width: w, height: d, class: "is-floor" })];
    if (this.edits.now.drawing) shapes.push(svg("image", { href: `/view/drawing/${this.edits.now.drawing}`, x: 0, y: 0, width: w, height: d, preserveAspectRatio: "none", class: "is-drawing" }));
    for (let x = 0; x <= w; x += 5) shapes.push(svg("line", { x1: x, x2: x, y1: 0, y2: d, class: "is-grid" }));
    for (let y = 0; y <= d; y += 5) shapes.push(svg("line", { x1: 0, x2: w, y1: y, y2: y, class: "is-grid" }));
    for (const place of site.places ?? []) {
      if (!place.rect_m) continue;
      const [x, y, wide, deep] = place.rect_m;
      const name = named(place, this.lang);
      // an area's name stands at its right, so that a line's within it is read too; a long one is squeezed
      const area = place.level === "area";
      const long = name.length * LETTER_M > wide - 0.6 ? { textLength: wide - 0.6, lengthAdjust: "spacingAndGlyphs" } : {};
      shapes.push(svg("rect", { x, y: d - y - deep, width: wide, height: deep, class: "is-place" }), svg("text", { x: area ? x + wide - 0.3 : x + 0.3, y: d - y - deep + 1.1, class: area ? "is-area-name" : "is-place-name", ...long }, name));
    }
    const nodes = new Map((site.nodes ?? []).map((node) => [node.id, node]));
    for (const [a, b] of site.edges ?? []) {
      const [from, to] = [nodes.get(a), nodes.get(b)];
      if (from && to) shapes.push(svg("line", { x1: from.x_m, y1: d - from.y_m, x2: to.x_m, y2: d - to.y_m, class: "is-lane" }));
    }
    this.svg = svg("svg", { viewBox: `${-pad} ${-pad} ${w + 2 * pad} ${d + 2 * pad}`, class: "ft-lay", "aria-label": t("layout.title") }, shapes, this.assets.map((asset) => this.asset(asset, d)));
    return this.svg;
  }

  /** What can be put somewhere: mobile robots say themselves where they are. */
  get assets() {
    const there = [...live.directory.assets.values()].filter((asset) => asset.site === this.props.site && asset.type !== MOVES_ITSELF && this.edits.pose(asset.id));
    return there.sort((one, other) => (one.id === this.picked) - (other.id === this.picked) || one.id.localeCompare(other.id, undefined, { numeric: true }));
  }

  asset(asset, d) {
    const [x, y, yaw] = this.edits.pose(asset.id);
    const [w, h] = FOOT_M[asset.type] ?? [1.2, 1.2];
    const picked = asset.id === this.picked;
    const moved = this.edits.moved.some((one) => one.asset === asset.id);
    const words = t("layout.asset", { name: named(asset, this.lang), x: number(x, 2), y: number(y, 2), angle: number(yaw * DEGREE, 0) });
    const ghost = this.edits.kept.poses[asset.id];
    const node = svg(
      "g",
      { class: `is-asset${picked ? " is-picked" : ""}${moved ? " is-moved" : ""}`, tabindex: "0", role: "button", "aria-label": words, "aria-pressed": String(picked), "data-asset": asset.id, ...(picked ? { "data-picked": "" } : {}) },
      svg("title", null, words),
      moved ? svg("line", { x1: ghost[0], y1: d - ghost[1], x2: x, y2: d - y, class: "is-way" }) : null,
      svg("g", { transform: `translate(${x} ${d - y}) rotate(${-yaw * DEGREE})` }, asset.type === "robot_arm" ? svg("circle", { r: w / 2, class: "is-body" }) : svg("rect", { x: -w / 2, y: -h / 2, width: w, height: h, rx: 0.12, class: "is-body" }), svg("path", { d: `M0 0H${w / 2}`, class: "is-heading" })),
      svg("text", { x, y: d - y + h / 2 + 1, class: "is-name" }, shortName(asset.id)),
    );
    node.addEventListener("pointerdown", (event) => this.grab(event, asset.id));
    node.addEventListener("keydown", (event) => this.key(event, asset.id));
    node.addEventListener("focus", () => this.pick(asset.id));
    return node;
  }

  pick(id) {
    if (this.picked === id) return;
    this.picked = id;
    this.draw();
  }

  // ---- hands ----

  metres(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [point.x, this.size[1] - point.y];
  }

  grab(event, id) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.pick(id);
    this.plan.querySelector("[data-picked]")?.focus();
    const [x, y] = this.metres(event);
    const [px, py] = this.edits.pose(id);
    const word = `drag ${event.timeStamp}`;
    const move = (moved) => {
      const [u, v] = this.metres(moved);
      this.step(() => this.edits.moveTo(id, px + u - x, py + v - y, this.grid, this.size, word));
    };
    const drop = () => {
      for (const [name, fn] of [["pointermove", move], ["pointerup", drop], ["pointercancel", drop]]) window.removeEventListener(name, fn);
    };
    for (const [name, fn] of [["pointermove", move], ["pointerup", drop], ["pointercancel", drop]]) window.addEventListener(name, fn);
    this.until(drop);
  }

  key(event, id) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      this.step(() => (event.shiftKey ? this.edits.redo() : this.edits.undo()));
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = this.grid * (event.shiftKey ? 10 : 1);
    const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] }[event.key];
    if (by) this.step(() => this.edits.moveBy(id, ...by, this.grid, this.size));
    else if (event.key === "r" || event.key === "R") this.step(() => this.edits.turn(id, event.shiftKey ? -TURN_RAD : TURN_RAD));
    else if (event.key === "Delete") this.step(() => this.edits.home(id));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- lists ----

  listMoved() {
    const rows = this.edits.moved.map(({ asset, before, after, distance_m, turn_rad }) =>
      el("li", null, el("b", null, shortName(asset)), el("span", null, `${number(before[0], 1)}, ${number(before[1], 1)} → ${number(after[0], 1)}, ${number(after[1], 1)}`), el("small", null, [distance_m ? `${number(distance_m, 2)} m` : "", turn_rad ? `${turn_rad > 0 ? "+" : ""}${number(turn_rad * DEGREE, 0)}°` : ""].filter(Boolean).join(" · "))),
    );
    if (this.edits.now.drawing !== this.edits.kept.drawing) rows.push(el("li", null, el("b", null, t("layout.drawing")), el("span", null, t(this.edits.now.drawing ? "layout.drawing_new" : "layout.drawing_gone"))));
    this.moved.replaceChildren(...(rows.length ? rows : [el("li", { class: "ft-none" }, t("layout.nothing"))]));
  }

  listVersions() {
    const rows = this.answer.versions.map((one, i) => {
      const what = one.restored >= 0 ? t("layout.restored", { n: one.restored }) : t("layout.moved", { n: one.moved.length });
      const about = `${date(one.at_ms, this.zone)} ${minute(one.at_ms, this.zone)} · ${one.who}`;
      return el("li", null, el("b", null, `${one.n}`), el("span", null, el("em", null, one.note || what), el("small", { title: one.moved.join("\n") }, `${about}${one.note ? ` · ${what}` : ""}`)), i ? this.restorer(one.n, t("layout.restore")) : el("small", null, t("layout.in_force")));
    });
    rows.push(el("li", null, el("b", null, "0"), el("span", null, el("em", null, t("layout.factory_file"))), this.answer.n ? this.restorer(0, t("layout.restore")) : el("small", null, t("layout.in_force"))));
    this.versions.replaceChildren(...rows);
  }

  restorer(n, text) {
    return el("button", { type: "button", class: "btn s", "data-n": n, onclick: () => this.act(() => send("POST", "/view/layout/restore", { site: this.props.site, before: this.edits.n, n })) }, text);
  }

  // ---- keeping ----

  save() {
    return this.act(() => send("POST", "/view/layout", this.edits.body(this.props.site, this.why.value)));
  }

  async act(what) {
    try {
      this.take(await what());
      this.say(t("layout.kept", { n: this.edits.n }));
    } catch (error) {
      this.say(t("layout.not_kept", { detail: String(error?.message ?? error) }));
    }
  }

  async upload() {
    const [file] = this.file.files;
    this.file.value = "";
    if (!file || !this.edits) return;
    if (file.size > MAX_DRAWING_BYTES) {
      this.say(t("layout.too_large", { n: number(MAX_DRAWING_BYTES / 1e6, 0) }));
      return;
    }
    try {
      const type = /\.svg$/i.test(file.name) ? "image/svg+xml" : "image/png";
      const answer = await fetch(`/view/drawing?site=${encodeURIComponent(this.props.site)}`, { method: "POST", credentials: "same-origin", headers: { "content-type": type }, body: file });
      const told = await answer.json();
      if (!answer.ok) throw new Error([told.error?.what, told.error?.do].filter(Boolean).join(" · "));
      this.step(() => this.edits.apply({ drawing: told.sha256 }));
      this.say(told.left_out.length ? t("layout.left_out", { what: told.left_out.join(", ") }) : t("layout.taken"));
    } catch (error) {
      this.say(t("layout.not_taken", { detail: String(error?.message ?? error) }));
    }
  }
}
