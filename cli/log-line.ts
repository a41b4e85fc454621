import { z } from 'zod';

/** What pino (numbers) and zap, which livekit-server uses (words), have in common. */
const Entry = z.looseObject({
  level: z.union([z.number(), z.string()]),
  msg: z.string().optional(),
});

const NOISE = new Set([
  'level',
  'msg',
  'time',
  'ts',
  'pid',
  'hostname',
  'name',
  'logger',
  'caller',
]);
const MAX_LENGTH = 400;

export interface LogLine {
  readonly severity: 'info' | 'warning' | 'error';
  readonly text: string;
}

/** Reads one line of a process's output for the terminal; undefined where there is nothing in it. */
export function parseLogLine(line: string, stream: 'stdout' | 'stderr'): LogLine | undefined {
  const trimmed = line.trim();
  if (!trimmed) return undefined;
  const entry = parseEntry(trimmed);
  if (!entry) return { severity: stream === 'stderr' ? 'warning' : 'info', text: clip(line) };
  const fields = Object.entries(entry)
    .filter(([name]) => !NOISE.has(name))
    .map(([name, value]) => `${name}=${render(value)}`);
  return {
    severity: severityOf(entry.level),
    text: clip([entry.msg ?? '', ...fields].filter(Boolean).join(' ')),
  };
}

function parseEntry(line: string): z.infer<typeof Entry> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return Entry.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

function severityOf(level: number | string): LogLine['severity'] {
  if (typeof level === 'number') return level >= 50 ? 'error' : level >= 40 ? 'warning' : 'info';
  if (/^(error|fatal|panic|dpanic)$/i.test(level)) return 'error';
  return /^warn/i.test(level) ? 'warning' : 'info';
}

function render(value: unknown): string {
  if (typeof value === 'string') return /\s/.test(value) ? JSON.stringify(value) : value;
  if (typeof value === 'object' && value !== null && 'message' in value) {
    return JSON.stringify(value.message);
  }
  return JSON.stringify(value) ?? '';
}

function clip(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
