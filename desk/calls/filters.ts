import { INGRESSES, REASONS } from '../ui/words.ts';
import type { api } from '../api.ts';

type Query = NonNullable<Parameters<typeof api.calls.list>[0]>;

export interface Filter {
  readonly name: string;
  readonly title: string;
  readonly type: 'search' | 'date';
  /** Value and word; without them, free text. */
  readonly options?: readonly (readonly [string, string])[] | undefined;
}

export const FILTERS: readonly Filter[] = [
  { name: 'line', title: 'Line', type: 'search', options: [] },
  {
    name: 'state',
    title: 'State',
    type: 'search',
    options: [
      ['in_progress', 'talking'],
      ['ended', 'ended'],
      ['failed', 'failed'],
    ],
  },
  {
    name: 'direction',
    title: 'Direction',
    type: 'search',
    options: [
      ['inbound', 'inbound'],
      ['outbound', 'outbound'],
    ],
  },
  {
    name: 'endReason',
    title: 'End',
    type: 'search',
    options: Object.entries(REASONS),
  },
  {
    name: 'ingress',
    title: 'Way in',
    type: 'search',
    options: Object.entries(INGRESSES),
  },
  { name: 'number', title: 'Number ends with', type: 'search' },
  { name: 'said', title: 'Was said', type: 'search' },
  { name: 'since', title: 'From day', type: 'date' },
  { name: 'until', title: 'To day', type: 'date' },
];

/** What the address asks for, in the words of the API. Days are of this browser's time zone. */
export function queryOf(address: Readonly<Record<string, string>>): Query {
  const { since, until, ...rest } = address;
  const known = FILTERS.map(({ name }) => name);
  const plain = Object.entries(rest).filter(([name]) => known.includes(name));
  const begin = since === undefined ? undefined : midnight(since, 0);
  const end = until === undefined ? undefined : midnight(until, 1);
  return {
    ...Object.fromEntries(plain),
    ...(begin !== undefined && { since: begin }),
    ...(end !== undefined && { until: end }),
  };
}

function midnight(day: string, daysLater: number): string | undefined {
  const at = new Date(`${day}T00:00:00`);
  if (Number.isNaN(at.getTime())) return undefined;
  at.setDate(at.getDate() + daysLater);
  return at.toISOString();
}
