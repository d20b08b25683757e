// What the alarm system's own figures are measured by.

/** The aims of ISA-18.2 § 16 and IEC 62682: the most that is still good. */
export const AIMS = { average: 1, acceptable: 2, most: 10, busy: 0.01, flood: 0.01, top: 0.05, stale: 5, split: { 1: 0.05, 3: 0.15, 4: 0.8 } };

/** Shares of high (critical with high), medium and low alarms: what the aim 5 / 15 / 80 speaks of. */
export function split(answer) {
  const of = (...which) => (answer.count ? which.reduce((sum, one) => sum + answer.by_priority[one], 0) / answer.count : null);
  return { high: of(1, 2), medium: of(3), low: of(4) };
}
