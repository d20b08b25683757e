// The ways of mobile robots as pieces of line, without drawing: what is released (base), what is not yet (horizon).

/** The signals that tell a robot's way: {base, horizon, path}, undefined where it tells none. */
export function routeSignals(asset) {
  const stream = asset.streams.find((one) => one.name === "route") ?? asset.streams.find((one) => one.texts.some((text) => text.name === "route_base"));
  const signal = (name) => {
    const at = stream?.texts.findIndex((text) => text.name === name) ?? -1;
    return at < 0 ? undefined : { id: `${asset.id}:${name}`, asset: asset.id, stream, column: stream.texts[at], at, isText: true };
  };
  return { base: signal("route_base"), horizon: signal("route_horizon"), path: signal("route_path") };
}

const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);

/** {nodes, line} of a route's text; empty where there is none, or where it cannot be read. */
export function parseRoute(text) {
  if (!text) return { nodes: [], line: [] };
  try {
    const { nodes, line } = JSON.parse(text);
    return { nodes: Array.isArray(nodes) ? nodes.map(String) : [], line: Array.isArray(line) ? line.filter(isPoint) : [] };
  } catch {
    return { nodes: [], line: [] };
  }
}

/** The part of a line that is still ahead of where the robot is: from the point of it that is nearest. */
export function ahead(line, x, y) {
  if (line.length < 2 || !Number.isFinite(x) || !Number.isFinite(y)) return line;
  let best = { far: Infinity };
  for (let i = 0; i + 1 < line.length; i++) {
    const [[ax, ay], [bx, by]] = [line[i], line[i + 1]];
    const [dx, dy] = [bx - ax, by - ay];
    const long = dx * dx + dy * dy;
    const share = long > 0 ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / long)) : 0;
    const at = [ax + share * dx, ay + share * dy];
    const far = Math.hypot(x - at[0], y - at[1]);
    if (far < best.far - 1e-6) best = { far, i, at };
  }
  return [best.at, ...line.slice(best.i + 1)];
}

/** Straight pieces [x, y, length, yaw] (x, y: the middle) of a line; with `dash` m each and as much left out between. */
export function pieces(line, dash = 0) {
  const found = [];
  let left = dash; // of the dash or gap that runs
  let drawn = true;
  for (let i = 0; i + 1 < line.length; i++) {
    const [[ax, ay], [bx, by]] = [line[i], line[i + 1]];
    const long = Math.hypot(bx - ax, by - ay);
    if (!long) continue;
    const [ux, uy, yaw] = [(bx - ax) / long, (by - ay) / long, Math.atan2(by - ay, bx - ax)];
    const add = (from, to) => found.push([ax + (ux * (from + to)) / 2, ay + (uy * (from + to)) / 2, to - from, yaw]);
    if (!dash) {
      add(0, long);
      continue;
    }
    for (let at = 0; at < long - 1e-9; ) {
      const to = Math.min(long, at + left);
      if (drawn) add(at, to);
      left -= to - at;
      at = to;
      if (left <= 1e-9) {
        left = dash;
        drawn = !drawn;
      }
    }
  }
  return found;
}

const THERE_M = 1.5;

/**
 * Who is likely in the way of a robot that waits: {node, robot} where `robot` is the id of the one that stands on the next
 * node, else of the one that drives to it; null where its next node is not known or nobody is there.
 * @param {{id, nodes: string[]}} robot
 * @param {{id, x, y, nodes: string[]}[]} others
 * @param {Map<string, {x_m, y_m}>} nodes of the site
 */
export function inTheWay(robot, others, nodes) {
  const node = robot.nodes[0];
  if (!node) return null;
  const place = nodes.get(node);
  const rest = others.filter((one) => one.id !== robot.id);
  const there = place && rest.find((one) => Math.hypot(one.x - place.x_m, one.y - place.y_m) < THERE_M);
  const reach = (one) => one.nodes.indexOf(node);
  const comes = rest.filter((one) => reach(one) >= 0).sort((a, b) => reach(a) - reach(b))[0];
  const found = there || comes;
  return found ? { node, robot: found.id } : null;
}
