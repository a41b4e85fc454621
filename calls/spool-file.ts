import { readFileSync } from 'node:fs';
import { ulid } from 'ulid';

/** Who writes a spool file: a process is its pid and when it started, because pids are reused. */
export interface SpoolOwner {
  readonly pid: number;
  /** Clock ticks since boot (proc(5), field 22); `0` where there is no /proc. */
  readonly startTicks: string;
}

/** A file whose writer closed it while reports were still waiting: anyone may deliver them. */
export const NOBODY: SpoolOwner = { pid: 0, startTicks: '0' };

const NAME = /^reports-(\d+)-(\d+)-([0-9A-HJKMNP-TV-Z]{26})\.jsonl$/;

/** Names sort by age within one owner, as a ULID begins with the time. */
export function spoolFileName(owner: SpoolOwner): string {
  return `reports-${owner.pid}-${owner.startTicks}-${ulid()}.jsonl`;
}

/** Undefined when the name is not a spool file's. */
export function parseSpoolFileName(
  name: string,
): { readonly owner: SpoolOwner; readonly id: string } | undefined {
  const match = NAME.exec(name);
  const [, pid, startTicks, id] = match ?? [];
  if (pid === undefined || startTicks === undefined || id === undefined) return undefined;
  return { owner: { pid: Number(pid), startTicks }, id };
}

export function currentOwner(): SpoolOwner {
  return { pid: process.pid, startTicks: processStat(process.pid)?.startTicks ?? '0' };
}

/** A zombie is dead: it will never write again. */
export function isAlive(owner: SpoolOwner): boolean {
  if (owner.pid === 0) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const stat = processStat(owner.pid);
  if (stat === undefined || owner.startTicks === '0') return true;
  return stat.startTicks === owner.startTicks && stat.state !== 'Z' && stat.state !== 'X';
}

function processStat(
  pid: number,
): { readonly state: string; readonly startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 2, the command, is in brackets and may hold spaces and brackets itself.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTicks: fields[19] ?? '0' };
  } catch {
    return undefined;
  }
}
