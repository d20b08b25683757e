// The steps of the cycle that runs, from the changes of the program's text.

/**
 * What the robot does in this cycle and what, by the cycle before, is still to come.
 * @param {{t_ms: number, step: string}[]} changes in order
 * @param {number[]} cycles_ms when cycles ended, in order
 * @returns {{step: string, s: number|null, past: boolean, now: boolean}[]} `s`: how long a step took; of those to come, how
 *   long it took the last time
 */
export function stepRows(changes, cycles_ms, now_ms) {
  const listed = changes.filter((one) => one.t_ms <= now_ms);
  if (!listed.length) return [];
  const ends = cycles_ms.filter((ended) => ended <= now_ms);
  const begun = ends.at(-1) ?? -Infinity;
  const before = ends.at(-2) ?? -Infinity;
  const long = (i) => ((listed[i + 1]?.t_ms ?? now_ms) - listed[i].t_ms) / 1000;
  // a step that was going on when the cycle ended belongs to the cycle that it ends in
  const first = listed.findIndex((one, i) => one.t_ms >= begun - 500 || i === listed.length - 1);
  const rows = [];
  for (let i = first; i < listed.length; i++) rows.push({ step: listed[i].step, s: long(i), past: i < listed.length - 1, now: i === listed.length - 1 });
  if (Number.isFinite(begun) && Number.isFinite(before)) {
    const last = listed.map((one, i) => ({ ...one, i })).filter((one) => one.t_ms >= before - 500 && one.t_ms < begun - 500);
    for (const one of last.slice(rows.length)) rows.push({ step: one.step, s: long(one.i), past: false, now: false });
  }
  return rows;
}
