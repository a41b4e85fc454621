import type { Booking } from './lines.ts';

/** A function tool as chat completions offer it. */
export interface Tool {
  readonly name: string;
  /** JSON schema of its arguments. */
  readonly parameters?: {
    readonly properties?: Readonly<Record<string, { readonly type?: unknown }>> | undefined;
  };
}

export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];
const RUSSIAN_NUMBERS = ['', 'одн', 'дво', 'тро', 'четвер', 'пятер', 'шестер', 'семер', 'восьмер'];

export function findTool(tools: readonly Tool[], name: RegExp): Tool | undefined {
  return tools.find((tool) => name.test(tool.name));
}

/** The call that books a table with whichever booking tool is offered, by its schema's names. */
export function bookingCall(tools: readonly Tool[], booking: Booking): ToolCall | undefined {
  const tool = findTool(tools, /book|reserv/i);
  if (!tool) return undefined;
  const values: Record<string, unknown> = {};
  for (const [key, { type }] of Object.entries(tool.parameters?.properties ?? {})) {
    const value = valueFor(key, booking, type === 'integer' || type === 'number');
    if (value !== undefined) values[key] = value;
  }
  return { name: tool.name, arguments: values };
}

function valueFor(key: string, booking: Booking, numeric: boolean): unknown {
  if (/party|people|guest|size|persons|count/i.test(key)) {
    return numeric ? partySize(booking.party) : booking.party;
  }
  if (/name/i.test(key)) return booking.name;
  if (/date_?time|when/i.test(key)) return `${booking.day} ${booking.time}`;
  if (/date|day/i.test(key)) return booking.day;
  if (/time|hour/i.test(key)) return booking.time;
  return undefined;
}

function partySize(party = ''): number {
  const digits = /\d+/.exec(party)?.[0];
  if (digits) return Number(digits);
  const english = NUMBERS.findIndex((word) => party.startsWith(word));
  if (english > 0) return english;
  return Math.max(
    1,
    RUSSIAN_NUMBERS.findIndex((stem) => stem !== '' && party.includes(stem)),
  );
}
