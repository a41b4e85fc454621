import type { z } from 'zod';
import type { CallDetailView, CallView } from '../../api/views.ts';
import type { TestStack } from './start-test-stack.ts';
import { waitFor } from './wait-for.ts';

export type CallRecord = z.infer<typeof CallView>;
export type CallDetail = z.infer<typeof CallDetailView>;

/** The calls from a number, newest first. */
export async function callsFrom(stack: TestStack, from: string): Promise<CallRecord[]> {
  const query = new URLSearchParams({ from, limit: '200' });
  return (await stack.get<{ data: CallRecord[] }>(`/v1/calls?${query.toString()}`)).data;
}

/** Resolves once the one call from this number has its final record. */
export function finalRecord(stack: TestStack, from: string, timeout = 60_000): Promise<CallDetail> {
  return waitFor(
    async () => {
      const [call, ...others] = await callsFrom(stack, from);
      if (others.length > 0) throw new Error(`${others.length + 1} calls from ${from}`);
      if (call?.sealedAt === undefined) throw new Error(JSON.stringify(call));
      return stack.get<CallDetail>(`/v1/calls/${call.id}`);
    },
    { timeout, interval: 200, what: `the final record of the call from ${from}` },
  );
}

/** Resolves once the call from this number has heard both sides so many times. */
export function turnsOf(
  stack: TestStack,
  from: string,
  counts: { readonly caller: number; readonly agent: number },
): Promise<CallRecord> {
  return waitFor(
    async () => {
      const [call] = await callsFrom(stack, from);
      const by = (side: string) => call?.turns.filter(({ who }) => who === side).length ?? 0;
      if (by('caller') < counts.caller || by('agent') < counts.agent) {
        throw new Error(JSON.stringify(call?.turns));
      }
      return call;
    },
    { timeout: 45_000, interval: 200, what: `${JSON.stringify(counts)} turns from ${from}` },
  );
}

/** What one side said, in order. */
export function said(call: CallRecord, who: 'caller' | 'agent'): string[] {
  return call.turns.filter((turn) => turn.who === who).map(({ text }) => text);
}
