import { readFile, writeFile } from 'node:fs/promises';
import type { SystemName } from './arguments.ts';
import { providersMs } from './rehearsal-delays.ts';
import type { ProviderDelays } from './rehearsal-delays.ts';
import type { ScenarioResult } from './scenario.ts';
import type { Spread } from './summary.ts';

const BEGIN = '<!-- figures: written by npm run bench -->';
const END = '<!-- end of figures -->';

const NAMES: Record<SystemName, string> = {
  trunkline: 'Trunkline',
  stock: 'stock worker, its defaults',
  'stock-tuned': 'stock worker, `minDelay: 0`',
};

/** What the figures hold for. */
export interface Conditions {
  readonly machine: string;
  readonly command: string;
  readonly endpointingMs: number;
  readonly delays: ProviderDelays;
  readonly spacingMs: number;
  readonly maxCalls: number;
}

/** The results as Markdown. */
export function toMarkdown(results: readonly ScenarioResult[], conditions: Conditions): string {
  const { delays, endpointingMs } = conditions;
  return [
    `Machine: ${conditions.machine}. Command: \`${conditions.command}\`. Providers: STT ${Math.max(delays.stt, endpointingMs)} ms`,
    `after the last speech (its endpointing of ${endpointingMs} ms included), LLM ${delays.llm} ms, TTS`,
    `${delays.tts} ms: ${providersMs(delays, endpointingMs)} ms are taken off each voice-to-voice time. Calls come in`,
    `${conditions.spacingMs} ms apart; \`TRUNKLINE_MAX_CALLS\` is ${conditions.maxCalls}.`,
    '',
    table(
      [
        'system',
        'calls at once',
        'calls: served / faulty / refused / lost / silent',
        'turns: timed / missed / overlapped',
        'overhead p50 / p95, ms',
        'INVITE to 200 p50 / p95, ms',
        '200 to speech p50 / p95, ms',
        'slowest refusal, ms',
      ],
      results.map(({ system, calls, summary: s }) => [
        NAMES[system],
        String(calls),
        `${s.served} / ${s.faulty} / ${s.refused.count}${codes(s.refused.codes)} / ${s.lost} / ${s.silent} of ${s.calls}`,
        `${s.overhead?.count ?? 0} / ${s.turnsMissed} / ${s.turnsOverlapped} of ${s.turns}`,
        pair(s.overhead),
        pair(s.inviteToAnswer),
        pair(s.answerToSpeech),
        s.slowestRefusalMs === undefined ? '–' : s.slowestRefusalMs.toFixed(0),
      ]),
    ),
    '',
    ...costTable(results),
    ...trust(results),
  ].join('\n');
}

function costTable(results: readonly ScenarioResult[]): string[] {
  const names = [...new Set(results.flatMap((result) => result.processes.map(({ name }) => name)))];
  if (names.length === 0) return [];
  const rows = results.map((result) => {
    const cells = names.map((name) => {
      const cost = result.processes.find((process) => process.name === name);
      if (!cost) return '–';
      const { cpuSecondsPerCallMinute: cpu, idleMb, busyMb } = cost;
      return `${cpu.toFixed(1)} s, ${idleMb.toFixed(0)} → ${busyMb.toFixed(0)} MB`;
    });
    const cpu = sum(result.processes.map((cost) => cost.cpuSecondsPerCallMinute));
    const mb = sum(result.processes.map((cost) => cost.busyMb - cost.idleMb)) / result.calls;
    return [
      NAMES[result.system],
      String(result.calls),
      ...cells,
      `${cpu.toFixed(1)} s, ${mb.toFixed(0)} MB a call`,
    ];
  });
  return [
    'CPU seconds per call-minute, and memory (PSS) before and at its highest during the calls:',
    '',
    table(['system', 'calls at once', ...names, 'all'], rows),
    '',
  ];
}

/** What disturbed the measurement. */
function trust(results: readonly ScenarioResult[]): string[] {
  const worst = Math.max(...results.map(({ summary }) => summary.callersLateMs));
  const others = Math.max(...results.map(({ othersCores }) => othersCores ?? 0));
  return [
    `The callers' own clock was at most ${worst.toFixed(0)} ms late, and other programs kept at most`,
    `${others.toFixed(1)} cores busy while the calls ran; the lower, the more the figures can be trusted.`,
  ];
}

/** Puts the figures between the markers of the document. Rejects when it has none. */
export async function writeFigures(path: string, figures: string): Promise<void> {
  await writeFile(path, replaceFigures(await readFile(path, 'utf8'), figures));
}

export function replaceFigures(document: string, figures: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error('the document has no place for the figures');
  return `${document.slice(0, begin + BEGIN.length)}\n\n${figures}\n\n${document.slice(end)}`;
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const pair = (spread: Spread | undefined): string =>
  spread ? `${spread.p50.toFixed(0)} / ${spread.p95.toFixed(0)}` : '–';

const codes = (all: readonly number[]): string => (all.length > 0 ? ` (${all.join(', ')})` : '');

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
