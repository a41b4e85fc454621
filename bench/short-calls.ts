/**
 * Whether memory stays: many short calls one after the other, a few at a time, and the memory of
 * each process after every tenth part of them.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fixDelays } from './rehearsal-delays.ts';
import { placeCalls } from './place-calls.ts';
import { pssOf } from './process-usage.ts';
import { warmUp } from './scenario.ts';
import { slope } from './slope.ts';
import { startSystem } from './systems.ts';
import type { System } from './systems.ts';

/* oxlint-disable no-console -- a command that talks to a person */

const USAGE = `Memory over many short calls.

  node bench/short-calls.ts --calls 200 --at-once 4`;
const SAMPLES = 10;
/** Caches fill and heaps find their size in the first of them; the slope is that of the rest. */
const WARM_SAMPLES = 4;
const ENDPOINTING_MS = 25;
const DELAYS = { stt: 50, llm: 50, tts: 50 };
const DATA_DIR = fileURLToPath(new URL('../.trunkline/bench', import.meta.url));

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

async function main(calls: number, atOnce: number): Promise<void> {
  await using system = await startSystem('trunkline', {
    dataDir: DATA_DIR,
    maxCalls: undefined,
    endpointingMs: ENDPOINTING_MS,
    onProgress: (line) => console.log(line),
  });
  await fixDelays(system.config, DELAYS);
  await warmUp(system, stop.signal);
  const rounds = Math.ceil(calls / atOnce / SAMPLES);
  const memory = [pssOf(system.pids())];
  let completed = 0;
  for (let sample = 1; sample <= SAMPLES; sample++) {
    for (let round = 0; round < rounds; round++) completed += await placeSome(system, atOnce);
    memory.push(pssOf(system.pids()));
    console.log(`${sample * rounds * atOnce} calls: ${inShort(memory.at(-1) ?? new Map())}`);
  }
  const perSample = rounds * atOnce;
  console.log(`\n${completed} of ${SAMPLES * perSample} calls completed`);
  console.log('| process | before, MB | after, MB | slope after warm-up, KB a call |');
  console.log('| --- | --- | --- | --- |');
  for (const name of system.pids().keys()) {
    const series = memory.map((at) => at.get(name) ?? 0);
    const perCall = (slope(series.slice(WARM_SAMPLES)) * 1024) / perSample;
    const cells = [name, series[0]?.toFixed(0), series.at(-1)?.toFixed(0), perCall.toFixed(0)];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

async function placeSome(system: System, calls: number): Promise<number> {
  const order = {
    to: system.to,
    dataDir: system.config.dataDir,
    calls,
    spacingMs: 250,
    say: ['Do you have parking?'],
  };
  const { results } = await placeCalls(order, stop.signal);
  return results.filter(({ outcome }) => outcome === 'completed').length;
}

function inShort(memory: ReadonlyMap<string, number>): string {
  return [...memory].map(([name, mb]) => `${name} ${mb.toFixed(0)} MB`).join(', ');
}

try {
  const { values } = parseArgs({
    options: {
      calls: { type: 'string', default: '200' },
      'at-once': { type: 'string', default: '4' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) console.log(USAGE);
  else await main(Number(values.calls), Number(values['at-once']));
} catch (error) {
  console.error(stop.signal.aborted ? 'stopped' : error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
