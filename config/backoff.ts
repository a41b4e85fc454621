/**
 * How long to wait between tries, ms: twice as long after every failure in a row.
 *
 * @example backoff({ first: 250, most: 10_000 }, 3); // 2000
 */
export function backoff(limits: { first: number; most: number }, failures: number): number {
  return Math.min(limits.first * 2 ** failures, limits.most);
}
