import { ulid } from 'ulid';
import type { ProcessOwner } from '../config/process-owner.mjs';

/** A file whose writer closed it while reports were still waiting: anyone may deliver them. */
export const NOBODY: ProcessOwner = { pid: 0, startTicks: '0' };

const NAME = /^reports-(\d+)-(\d+)-([0-9A-HJKMNP-TV-Z]{26})\.jsonl$/;

/** Names sort by age within one owner, as a ULID begins with the time. */
export function spoolFileName(owner: ProcessOwner): string {
  return `reports-${owner.pid}-${owner.startTicks}-${ulid()}.jsonl`;
}

/** Undefined when the name is not a spool file's. */
export function parseSpoolFileName(
  name: string,
): { readonly owner: ProcessOwner; readonly id: string } | undefined {
  const match = NAME.exec(name);
  const [, pid, startTicks, id] = match ?? [];
  if (pid === undefined || startTicks === undefined || id === undefined) return undefined;
  return { owner: { pid: Number(pid), startTicks }, id };
}
