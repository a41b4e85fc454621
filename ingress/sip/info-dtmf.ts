const BY_NUMBER: Readonly<Record<string, string>> = {
  '10': '*',
  '11': '#',
  '12': 'A',
  '13': 'B',
  '14': 'C',
  '15': 'D',
};

/**
 * The digit in an INFO's body: `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`).
 * Undefined for another type, null for a body of these types without a digit in it.
 */
export function readInfoDtmf(contentType: string, body: string): string | null | undefined {
  const type = contentType.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/dtmf-relay' && type !== 'application/dtmf') return undefined;
  const signal =
    type === 'application/dtmf' ? body.trim() : /^\s*signal\s*=\s*(\S+)/im.exec(body)?.[1];
  const digit = (BY_NUMBER[signal ?? ''] ?? signal ?? '').toUpperCase();
  return /^[\d*#A-D]$/.test(digit) ? digit : null;
}

/** The body of an INFO that sends a digit. */
export function writeInfoDtmf(digit: string, milliseconds: number): string {
  return `Signal=${digit}\r\nDuration=${milliseconds}\r\n`;
}
