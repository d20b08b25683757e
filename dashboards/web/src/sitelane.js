// Many lanes made one.
import { look } from "./states.js";

/** One lane for a whole site: it runs where anything of it runs; holds and faults of any asset lie over that. */
export function siteLane(site, lanes) {
  const found = { run: [], held: [], fault: [] };
  for (const lane of lanes) {
    if (lane.asset !== site && !lane.asset.startsWith(`${site}/`)) continue;
    for (const segment of lane.segments) found[look(segment[2])]?.push(segment);
  }
  return Object.values(found).flatMap((segments) => {
    const joined = [];
    for (const [start, end, state] of segments.sort((p, q) => p[0] - q[0])) {
      const last = joined.at(-1);
      if (last && start <= last[1]) last[1] = Math.max(last[1], end);
      else joined.push([start, end, state]);
    }
    return joined;
  });
}
