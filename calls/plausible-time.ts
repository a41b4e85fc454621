/** Clocks differ: what another one says is ahead of ours by no more than this, ms. */
export const CLOCK_SKEW_MS = 5_000;
/** Whoever could not tell us keeps it in files; nothing waits there for longer, ms. */
const OLDEST_MS = 30 * 24 * 3_600_000;

/**
 * What somebody else's clock says, as RFC 3339 with milliseconds; undefined when it cannot be so.
 * A time that is far off would order a call's events wrongly, and one beyond the year 9999 is no
 * RFC 3339 at all.
 *
 * @param toldAt when it was told, by our clock: what is told has happened
 * @example plausibleTime(0, new Date()); // undefined: nobody tells of 1970
 */
export function plausibleTime(milliseconds: number, toldAt: Date): string | undefined {
  const age = toldAt.getTime() - milliseconds;
  return age >= -CLOCK_SKEW_MS && age <= OLDEST_MS
    ? new Date(milliseconds).toISOString()
    : undefined;
}
