import { readdirSync, readFileSync } from 'node:fs';

/** Linux' USER_HZ; the unit of CPU times in /proc/<pid>/stat (proc_pid_stat(5)). */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU (utime + stime, ended children included) of each tree since its start. A process that is gone counts nothing. */
export function cpuSecondsOf(roots: ReadonlyMap<string, number>): Map<string, number> {
  return mapTrees(roots, (stats) => sum(stats.map(({ cpuSeconds }) => cpuSeconds)));
}

/**
 * Proportional set size of each tree, MB: a page that several share counts once over all. Costs the kernel milliseconds per process, so ask rarely.
 */
export function pssOf(roots: ReadonlyMap<string, number>): Map<string, number> {
  return mapTrees(roots, (stats) => sum(stats.map(({ pid }) => readPss(pid))));
}

/** Seconds of CPU that the whole machine has spent since it started; stolen time included. */
export function machineCpuSeconds(): number {
  const [, ...times] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/);
  // user nice system idle iowait irq softirq steal (proc_stat(5)); guest time is within user's.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = times.map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
}

function mapTrees<T>(roots: ReadonlyMap<string, number>, of: (stats: Stat[]) => T): Map<string, T> {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
  const children = Map.groupBy(all, ({ parent }) => parent);
  const treeOf = (pid: number): Stat[] => [
    ...all.filter((stat) => stat.pid === pid),
    ...(children.get(pid) ?? []).flatMap((child) => treeOf(child.pid)),
  ];
  return new Map([...roots].map(([name, pid]) => [name, of(treeOf(pid))]));
}

function readStat(pid: number): Stat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined; // It ended while we were looking.
  }
}

/** Fields of /proc/<pid>/stat; the command in brackets may hold anything, brackets too. */
export function parseStat(line: string): Stat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid: Number.parseInt(line, 10),
    parent: field(4),
    // utime, stime, and those of children that were waited for.
    cpuSeconds: (field(14) + field(15) + field(16) + field(17)) / TICKS_PER_SECOND,
  };
}

function readPss(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
