import { availableParallelism, cpus, totalmem } from 'node:os';

/** The machine in a few words, without its name. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores of ${model}, ${memory} GB, Node ${process.versions.node}`;
}
