import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import type { CallEvent } from '../../calls/events.ts';
import { isAway, isHeldUp } from '../store-errors.ts';
import { openSqliteStore } from '../../api/store.ts';

const dir = mkdtempSync(join(tmpdir(), 'full-'));
/** Only root may mount; a disk of its own is what can be filled without harm. */
const mounted = mount();
afterAll(() => {
  if (mounted) execFileSync('umount', [dir]);
  rmdirSync(dir);
});

function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const event = (n: number): CallEvent => ({
  id: `EV_${n}`,
  source: 'webhook',
  at: '2026-11-20T10:00:00.000Z',
  correlation: { sipCallId: `SCL_${n % 50}` },
  type: 'leg.dtmf',
  data: { digit: String(n % 10) },
});

test.skipIf(!mounted)(
  'a full disk: nothing half is stored, and it goes on when there is room',
  async () => {
    const path = join(dir, 'ledger.sqlite');
    const ledger = await openSqliteStore(path);
    onTestFinished(() => ledger.close());
    await ledger.probe();
    const { bavail, bsize } = statfsSync(dir);
    writeFileSync(join(dir, 'filler'), Buffer.alloc(bavail * bsize - 64 * 1024));

    const stored: string[] = [];
    let error: unknown;
    for (let n = 0; error === undefined && n < 10_000; n += 1) {
      try {
        await ledger.record([event(n)]);
        stored.push(`EV_${n}`);
      } catch (cause) {
        error = cause;
      }
    }
    expect(error).toBeDefined();
    expect([isHeldUp(error), isAway(error)]).toEqual([false, true]);
    await expect(ledger.probe()).rejects.toThrow();
    // It is full for everybody, and says so again and again.
    await expect(ledger.record([event(20_000)])).rejects.toThrow();

    rmSync(join(dir, 'filler'));
    await ledger.probe();
    const again = await ledger.record([event(stored.length), event(20_000)]);
    expect(again.map(({ outcome }) => outcome)).toEqual(['unassigned', 'unassigned']);
    const known = await ledger.record(stored.map((id) => event(Number(id.slice(3)))));
    expect(new Set(known.map(({ outcome }) => outcome))).toEqual(new Set(['duplicate']));
    await ledger.close();
  },
  60_000,
);
