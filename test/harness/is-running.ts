import { readFileSync, readdirSync } from 'node:fs';

/** Whether a process runs; one that is dead and not yet reaped does not. */
export function isRunning(pid: number): boolean {
  return (readStat(pid)?.state ?? 'Z') !== 'Z';
}

/** Whether any process of the group runs. */
export function isGroupRunning(group: number): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readStat(Number(pid)))
    .some((stat) => stat?.group === group && stat.state !== 'Z');
}

/** proc(5): state and process group are the third and the fifth field of /proc/<pid>/stat. */
function readStat(pid: number): { state: string; group: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, group: Number(group) };
  } catch {
    return undefined;
  }
}
