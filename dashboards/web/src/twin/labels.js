// Names over the scene, as HTML, so that they stay crisp. Where two would cover each other the more important one stays.
import { setAssetAlarm } from "../alarms/marks.js";
import { el, setText, toggle } from "../dom.js";
import { shortName } from "../format.js";
import { setMark } from "../states.js";
import { stateWord } from "../words.js";

const QUIET_RANK = 7;
const RANK = { fault: 0, held: 1, lost: 2, unknown: 2, stop: 3, wait: 4, idle: 5, run: 6, none: 7 };

const MUST_RANK = 2;
const MIN_ROOM_PX = 40;
/** Where more than so many are abnormal at once, names that cover each other would hide the plant: then only faults insist. */
const MOST_INSISTING = 40;

/** A label's box moved into the picture: [left, top, right, bottom]. */
function inside(x, y, item, width, height) {
  const left = Math.max(0, Math.min(width - item.wide, x));
  const top = Math.max(0, Math.min(height - item.tall, y));
  return [left, top, left + item.wide, top + item.tall];
}

export class Labels {
  constructor(root) {
    this.layer = el("div", { class: "ft-labels", "aria-hidden": "true" });
    root.append(this.layer);
    this.items = [];
  }

  /** at() gives [x, y, z] in m; over() the other side of the asset, where a name may stand too. */
  addAsset(asset, at, over, pick, quiet) {
    const mark = el("span", { class: "ft-m" });
    const word = el("small");
    const alarm = el("i");
    const node = el("div", { class: `ft-plate${quiet ? " is-quiet" : ""}` }, mark, el("b", null, shortName(asset.id)), alarm, word);
    node.addEventListener("click", () => pick(asset.id));
    this.layer.append(node);
    const item = { asset, at, over, node, mark, word, alarm, look: "none", quiet, rank: 7, wide: 0 };
    this.items.push(item);
    return item;
  }

  /** at() and over() give the place's left and right corner at its top: on a plan its name stays between them. */
  addPlace(name, at, over, level) {
    const node = el("div", { class: `ft-plate is-place is-${level}` }, name);
    this.layer.append(node);
    this.items.push({ at, over, node, place: true, room: 0, rank: level === "line" ? 8 : 9, look: "none", wide: 0 });
  }

  /** `worst` is the asset's most urgent alarm, or undefined; `told`: its state is said though it is not abnormal. */
  set(item, look, state, selected, worst, told = false) {
    const abnormal = ["fault", "held", "lost"].includes(look);
    item.look = look;
    item.rank = selected ? -1 : Math.min(RANK[look] + (item.quiet ? 4 : 0), worst ? worst.priority - 1 : 9);
    setAssetAlarm(item.alarm, worst);
    setMark(item.mark, look);
    setText(item.word, state !== null && (abnormal || selected || told) ? stateWord(state) : "");
    for (const one of ["fault", "held", "lost"]) toggle(item.node, `is-${one}`, look === one);
    toggle(item.node, "is-selected", selected);
    item.wide = 0;
  }

  /** Where a label may stand, the best place first: left and top in px. */
  spots(item, px, py, below, project) {
    if (item.place) return [[px + 4, py + 4]];
    const left = px - item.wide / 2;
    const near = below ? py + 2 : py - item.tall;
    const step = (below ? 1 : -1) * (item.tall + 1);
    const beyond = below ? [[left, project(item.over())[1] - item.tall - 1]] : [];
    return [[left, near], ...beyond, [left, near + step], [left, near + 2 * step]].concat([[px + 6, near], [px - item.wide - 6, near], [px + 6, near + step], [px - item.wide - 6, near + step]]);
  }

  /** How large labels are: all shown first and then all measured, so that the document is laid out once. */
  measure(items) {
    for (const item of items) item.node.hidden = false;
    for (const item of items) {
      item.wide = item.node.offsetWidth || 60;
      item.tall = item.node.offsetHeight || 18;
    }
  }

  /** Put every label where project([x, y, z]) -> [px, py, visible] says. */
  place(project, width, height, below = false, roomy = true) {
    if (this.roomy !== roomy) {
      this.roomy = roomy;
      toggle(this.layer, "is-tight", !roomy);
      for (const item of this.items) item.wide = 0;
    }
    const taken = [];
    const ranked = [...this.items].sort((p, q) => p.rank - q.rank);
    for (const item of ranked) {
      item.px = project(item.at());
      if (!item.place) continue;
      const room = below ? Math.max(MIN_ROOM_PX, Math.round(project(item.over())[0] - item.px[0] - 8)) : 0;
      if (room !== item.room) {
        item.room = room;
        item.node.style.maxWidth = room ? `${room}px` : "";
        item.wide = 0;
      }
    }
    const insists = ranked.filter((item) => item.rank <= MUST_RANK).length > MOST_INSISTING ? RANK.fault : MUST_RANK;
    this.measure(ranked.filter((item) => !item.wide && item.px[2]));
    for (const item of ranked) {
      const [px, py, visible] = item.px;
      const outside = !visible || (item.quiet && !roomy && item.rank >= QUIET_RANK) || px + item.wide / 2 < 0 || px - item.wide / 2 > width || py + item.tall < 0 || py - item.tall > height;
      const free = (box) => !taken.some((other) => box[0] < other[2] + 2 && other[0] < box[2] + 2 && box[1] < other[3] + 1 && other[1] < box[3] + 1);
      const boxes = outside ? [] : this.spots(item, px, py, below, project).map(([x, y]) => inside(x, y, item, width, height));
      // what is abnormal or chosen is never left out, whatever it covers
      const box = boxes.find(free) ?? (item.rank <= insists ? boxes[0] : undefined);
      const hidden = !box;
      if (item.node.hidden !== hidden) item.node.hidden = hidden;
      if (hidden) continue;
      taken.push(box);
      const transform = `translate(${Math.round(box[0])}px,${Math.round(box[1])}px)`;
      if (item.transform !== transform) {
        item.transform = transform;
        item.node.style.transform = transform;
      }
    }
  }

  dispose() {
    this.layer.remove();
  }
}
