import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config/load-config.ts';
import type { CallResult } from '../rehearsal/caller/call-events.ts';
import { summarise as describeCall } from '../rehearsal/caller/narrate.ts';
import { readBenchArguments, USAGE } from './arguments.ts';
import type { BenchArguments } from './arguments.ts';
import { describeMachine } from './machine.ts';
import { fixDelays, providersMs } from './rehearsal-delays.ts';
import { toMarkdown, writeFigures } from './report.ts';
import type { Conditions } from './report.ts';
import { runScenario, warmUp } from './scenario.ts';
import type { ScenarioResult } from './scenario.ts';
import { attachTo, startSystem } from './systems.ts';
import type { System } from './systems.ts';

/* oxlint-disable no-console -- a command that talks to a person */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENT = join(ROOT, 'docs/benchmarks.md');
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

async function measure(system: System, options: BenchArguments): Promise<ScenarioResult[]> {
  const { delays } = options;
  const restore = await fixDelays(system.config, delays);
  try {
    const first = await warmUp(system, stop.signal);
    if (first.outcome !== 'completed') {
      console.log(`${system.name}: the first call was ${first.outcome}: ${first.reason}`);
    }
    const results: ScenarioResult[] = [];
    for (const calls of options.calls) {
      console.log(`${system.name}: ${calls} at once …`);
      const result = await runScenario(system, {
        calls,
        turns: options.turns,
        repeat: calls === 1 ? options.repeat : 1,
        spacingMs: options.spacingMs,
        providersMs: providersMs(delays, system.endpointingMs),
        signal: stop.signal,
        ...(options.verbose && { onCalls: show }),
      });
      results.push(result);
    }
    return results;
  } finally {
    await restore();
  }
}

function show(results: readonly CallResult[]): void {
  for (const result of results) {
    console.log(describeCall(result));
    console.log(`turns, ms            ${result.turns.map(turnInShort).join(', ')}`);
  }
}

const turnInShort = (turn: CallResult['turns'][number]): string =>
  turn.latencyMs?.toFixed(0) ?? (turn.overlapped ? 'overlapped' : 'missed');

async function main(options: BenchArguments): Promise<void> {
  const results: ScenarioResult[] = [];
  let conditions: Conditions | undefined;
  for (const name of options.systems) {
    await using system = options.attach
      ? attachTo(loadConfig({ env: process.env, cwd: process.cwd() }))
      : await startSystem(name, {
          dataDir: join(ROOT, '.trunkline/bench'),
          maxCalls: options.maxCalls,
          endpointingMs: options.endpointingMs,
          onProgress: (line) => console.log(line),
        });
    conditions ??= {
      machine: describeMachine(),
      command: options.command,
      endpointingMs: system.endpointingMs,
      delays: options.delays,
      spacingMs: options.spacingMs,
      maxCalls: system.config.sip.maxCalls,
    };
    results.push(...(await measure(system, options)));
  }
  if (!conditions) return;
  const figures = toMarkdown(results, conditions);
  console.log(`\n${figures}`);
  if (options.write) {
    await writeFigures(DOCUMENT, figures);
    console.log(`\nwritten into ${DOCUMENT}`);
  }
}

try {
  const options = readBenchArguments(process.argv.slice(2));
  if (options.help) console.log(USAGE);
  else await main(options);
} catch (error) {
  console.error(stop.signal.aborted ? 'stopped' : error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
