/** What an INFO's body may be. */
export const DTMF_TYPES: readonly string[] = ['application/dtmf-relay', 'application/dtmf'];

const BY_NUMBER: Readonly<Record<string, string>> = {
  '10': '*',
  '11': '#',
  '12': 'A',
  '13': 'B',
  '14': 'C',
  '15': 'D',
};

/**
 * The digit in an INFO's body: `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`);
 * undefined for a body without one.
 */
export function readInfoDtmf(type: string, body: string): string | undefined {
  const signal =
    type === 'application/dtmf' ? body.trim() : /^\s*signal\s*=\s*(\S+)/im.exec(body)?.[1];
  const digit = (BY_NUMBER[signal ?? ''] ?? signal ?? '').toUpperCase();
  return /^[\d*#A-D]$/.test(digit) ? digit : undefined;
}

/** The body of an INFO that sends a digit. */
export function writeInfoDtmf(digit: string, milliseconds: number): string {
  return `Signal=${digit}\r\nDuration=${milliseconds}\r\n`;
}
