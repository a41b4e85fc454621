/** How long to wait between tries, ms: twice as long after every failure in a row. */
export function backoff(limits: { first: number; most: number }, failures: number): number {
  return Math.min(limits.first * 2 ** failures, limits.most);
}
