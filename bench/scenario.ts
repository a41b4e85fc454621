import { setTimeout as delay } from 'node:timers/promises';
import type { CallResult } from '../rehearsal/caller/call-events.ts';
import { placeCalls } from './place-calls.ts';
import { cpuSecondsOf, machineCpuSeconds, pssOf } from './process-usage.ts';
import { summarise } from './summary.ts';
import type { Summary } from './summary.ts';
import type { System } from './systems.ts';

/** Replies to these are short, so that a run takes minutes and not an hour. */
const PHRASES = [
  "I'd like to book a table.",
  'For four people.',
  'Tomorrow at seven.',
  'My name is Anna.',
  "Yes, that's right.",
  'Do you have parking?',
  'Are you open on Sundays?',
  'Where are you located?',
];

/** Quiet: nothing of the system uses more than this share of a core. */
const QUIET_CORES = 0.25;
const QUIET_SAMPLE_MS = 1_000;
const QUIET_TIMEOUT_MS = 30_000;
/** Between two looks at the memory during calls. */
const MEMORY_SAMPLE_MS = 4_000;

export interface ScenarioOptions {
  readonly calls: number;
  readonly turns: number;
  readonly repeat: number;
  readonly spacingMs: number;
  readonly providersMs: number;
  readonly signal: AbortSignal;
  readonly onCalls?: (results: readonly CallResult[]) => void;
}

interface ProcessCost {
  readonly name: string;
  readonly cpuSecondsPerCallMinute: number;
  /** PSS before the calls and at its highest during them, MB. */
  readonly idleMb: number;
  readonly busyMb: number;
}

export interface ScenarioResult {
  readonly system: System['name'];
  readonly calls: number;
  readonly summary: Summary;
  readonly processes: readonly ProcessCost[];
  /** Cores that programs other than the measured ones kept busy meanwhile. */
  readonly othersCores: number | undefined;
}

/** Places `calls` calls at once, `repeat` times over, and weighs what they cost. */
export async function runScenario(
  system: System,
  options: ScenarioOptions,
): Promise<ScenarioResult> {
  const { calls, signal } = options;
  await untilQuiet(system, signal);
  const pids = system.pids();
  const idle = pssOf(pids);
  const before = cpuSecondsOf(pids);
  const busy = watchMemory(system);
  const results: CallResult[] = [];
  const startedAt = performance.now();
  const machineBefore = machineCpuSeconds() - ownCpuSeconds();
  let callersSeconds = 0;
  try {
    for (let i = 0; i < options.repeat; i += 1) {
      const order = {
        to: system.to,
        dataDir: system.config.dataDir,
        calls,
        spacingMs: options.spacingMs,
        say: Array.from({ length: options.turns }, (_, i) => PHRASES[i % PHRASES.length] ?? ''),
      };
      const placed = await placeCalls(order, signal);
      options.onCalls?.(placed.results);
      results.push(...placed.results);
      callersSeconds += placed.cpuSeconds;
    }
  } finally {
    busy.stop();
  }
  // What a call leaves to do afterwards (a process to replace its own) is part of its cost.
  await untilQuiet(system, signal);
  const after = cpuSecondsOf(system.pids());
  const machineSeconds = machineCpuSeconds() - ownCpuSeconds() - machineBefore;
  const measuredSeconds = total(after) - total(before) + callersSeconds;
  const seconds = (performance.now() - startedAt) / 1_000;
  const summary = summarise(results, options.providersMs);
  return {
    system: system.name,
    calls,
    summary,
    // With `--attach` the system's own use cannot be told from others'.
    othersCores: pids.size === 0 ? undefined : (machineSeconds - measuredSeconds) / seconds,
    processes: [...pids.keys()].map((name) => ({
      name,
      cpuSecondsPerCallMinute:
        ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / summary.callMinutes,
      idleMb: idle.get(name) ?? 0,
      busyMb: busy.highest.get(name) ?? 0,
    })),
  };
}

/** One call that is not counted: caches fill, and connections open. */
export async function warmUp(system: System, signal: AbortSignal): Promise<CallResult> {
  const order = {
    to: system.to,
    dataDir: system.config.dataDir,
    calls: 1,
    spacingMs: 0,
    say: PHRASES,
  };
  const [result] = (await placeCalls(order, signal)).results;
  if (!result) throw new Error('the call to warm up with was not placed');
  return result;
}

/** Waits until no process of the system is busy, for so long at most. */
async function untilQuiet(system: System, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + QUIET_TIMEOUT_MS;
  let last = total(cpuSecondsOf(system.pids()));
  while (performance.now() < deadline) {
    await delay(QUIET_SAMPLE_MS, undefined, { signal });
    const now = total(cpuSecondsOf(system.pids()));
    if (now - last < (QUIET_CORES * QUIET_SAMPLE_MS) / 1_000) return;
    last = now;
  }
}

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const total = (values: ReadonlyMap<string, number>): number =>
  [...values.values()].reduce((sum, value) => sum + value, 0);

function watchMemory(system: System) {
  const highest = new Map<string, number>();
  const timer = setInterval(() => {
    for (const [name, mb] of pssOf(system.pids())) {
      highest.set(name, Math.max(highest.get(name) ?? 0, mb));
    }
  }, MEMORY_SAMPLE_MS);
  return { highest, stop: () => clearInterval(timer) };
}
