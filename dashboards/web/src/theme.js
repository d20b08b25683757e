// Colours come from the page's CSS variables; who draws with them hears when they change.

const listeners = new Set();
let cache = new Map();

/** A CSS variable of the page, such as color("--p1"). */
export function color(name) {
  let value = cache.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
    cache.set(name, value);
  }
  return value;
}

export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed() {
  cache = new Map();
  patterns.clear();
  for (const listener of listeners) listener();
}

const patterns = new Map();

/** A diagonal hatch for a canvas: ink lines on a ground (or on nothing). */
export function hatch(context, ink, ground = null, gap = 6, width = 2) {
  const name = `${ink} ${ground} ${gap} ${width}`;
  let pattern = patterns.get(name);
  if (!pattern) {
    const tile = document.createElement("canvas");
    const scale = 2;
    tile.width = tile.height = gap * scale;
    const pen = tile.getContext("2d");
    pen.scale(scale, scale);
    if (ground) {
      pen.fillStyle = ground;
      pen.fillRect(0, 0, gap, gap);
    }
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.beginPath();
    for (const shift of [-gap, 0, gap]) {
      pen.moveTo(shift - 1, gap + 1);
      pen.lineTo(shift + gap + 1, -1);
    }
    pen.stroke();
    pattern = context.createPattern(tile, "repeat");
    pattern.setTransform(new DOMMatrix().scale(1 / scale));
    patterns.set(name, pattern);
  }
  return pattern;
}

if (typeof window !== "undefined") {
  window.addEventListener("factorytwin:theme", changed);
  new MutationObserver(changed).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
}
