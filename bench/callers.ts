/**
 * The callers of a benchmark, in a process of their own so that they cost the measured ones
 * nothing but CPU. Told what to do by one message, answers with one.
 */
import { setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { CallResult } from '../rehearsal/caller/call-events.ts';
import { placeCall } from '../rehearsal/caller/place-call.ts';
import { Voice } from '../rehearsal/voice/voice.ts';

export interface CallOrder {
  readonly to: string;
  readonly dataDir: string;
  readonly calls: number;
  /** Between two INVITEs, ms. */
  readonly spacingMs: number;
  readonly say: readonly string[];
}

/** Above the measured processes, so that the clock of the callers is not what is measured. */
const PRIORITY = -10;

async function placeCalls(order: CallOrder): Promise<CallResult[]> {
  const voice = new Voice(order.dataDir);
  const speak = (text: string) => voice.speak(text, { speaker: 'caller', sampleRate: 8_000 });
  // Rendered before the first INVITE, so that no call waits for a voice.
  await Promise.all(order.say.map(speak));
  const results = await Promise.all(
    Array.from({ length: order.calls }, async (_, i) => {
      await delay(i * order.spacingMs);
      const from = `+1202555${String(100 + (i % 100)).padStart(4, '0')}`;
      return placeCall({ to: order.to, from, say: order.say, voice: speak });
    }),
  );
  await voice.close();
  return results;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

try {
  setPriority(PRIORITY);
} catch {
  // Only root may; then the callers' clock is reported as it ran.
}
process.once('message', (order: CallOrder) => {
  placeCalls(order).then(
    (results) => process.send?.({ results, cpuSeconds: cpuSeconds() }, () => process.disconnect()),
    (error: unknown) => process.send?.({ error: String(error) }, () => process.disconnect()),
  );
});
