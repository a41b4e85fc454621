import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { makeFolder } from '../config/make-folder.ts';

/** What LiveKit was told of telephones: it is in its Redis and nowhere else. */
export interface SipSetup {
  readonly trunks: readonly {
    readonly id: string;
    /** None: all. */
    readonly numbers: readonly string[];
  }[];
  readonly rules: readonly {
    /** None: calls from anywhere. */
    readonly trunkIds: readonly string[];
  }[];
  readonly outboundTrunkIds: readonly string[];
}

export interface SipSetupOptions {
  readonly livekit: { sipSetup(): Promise<SipSetup> };
  /** The trunk that we call by; undefined: none. */
  readonly outboundTrunkId: string | undefined;
  /** Where `sip-setup.json` is. */
  readonly dataDir: string;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** After each time that LiveKit has answered; `lost` of what it knew is gone. */
  readonly onLook?: (state: 'none' | 'ok' | 'lost', lost: number) => void;
}

const FILE = 'sip-setup.json';
const Remembered = z.object({ served: z.array(z.string()) });
/** A trunk without numbers takes calls to all. */
const ALL = '*';

/**
 * Notices when LiveKit has forgotten a trunk or a dispatch rule that it had, as it does when its
 * Redis is lost: nothing else would say so, and no call comes in any more. What it had is kept in a
 * file, so that a restart makes no difference; without the file, whatever LiveKit has now is right.
 *
 * What counts is the numbers for which LiveKit has both a trunk and a rule, not the ids of these:
 * an operator who deletes a trunk and makes it anew has lost nothing.
 */
export class SipSetupWatch {
  readonly #options: SipSetupOptions;
  readonly #file: string;
  /** Gone when LiveKit was asked last: an operator may be about to make it anew. */
  #missing: ReadonlySet<string> = new Set();
  #alarmed = '';
  #silent = false;

  constructor(options: SipSetupOptions) {
    this.#options = options;
    this.#file = join(options.dataDir, FILE);
  }

  /** Never rejects: what cannot be asked is not known, and no reason for an alarm. */
  async look(): Promise<void> {
    const { livekit, log } = this.#options;
    try {
      this.#compare(await livekit.sipSetup());
      this.#silent = false;
    } catch (error) {
      if (!this.#silent)
        log.warn({ err: error }, 'LiveKit does not say which trunks and rules it has');
      this.#silent = true;
    }
  }

  #compare(setup: SipSetup): void {
    const { outboundTrunkId, log, onLook } = this.#options;
    const now = served(setup, outboundTrunkId);
    const before = this.#remembered();
    const missing = before.filter((one) => !isServed(one, now));
    const lost = missing.filter((one) => this.#missing.has(one)).sort();
    this.#missing = new Set(missing);
    const all = new Set([...before, ...now]);
    if (all.size > before.length) this.#remember(all);

    onLook?.(all.size === 0 ? 'none' : lost.length > 0 ? 'lost' : 'ok', lost.length);
    const alarm = lost.join();
    if (alarm === this.#alarmed) return;
    this.#alarmed = alarm;
    const counts = { trunks: setup.trunks.length, rules: setup.rules.length };
    if (lost.length > 0)
      log.error({ lost, ...counts }, 'LiveKit has lost a trunk or a dispatch rule');
    else log.info(counts, 'LiveKit has its trunks and dispatch rules again');
  }

  /** Without the outbound trunk of another configuration. */
  #remembered(): string[] {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    const { served } = Remembered.parse(JSON.parse(text));
    return served.filter((one) => !isTrunkId(one) || one === this.#options.outboundTrunkId);
  }

  #remember(served: ReadonlySet<string>): void {
    makeFolder(this.#options.dataDir);
    const draft = `${this.#file}.${process.pid}`;
    writeFileSync(draft, `${JSON.stringify({ served: [...served].sort() })}\n`, { mode: 0o600 });
    renameSync(draft, this.#file);
  }
}

/** Numbers that calls are taken for, and the trunk that they are made by. */
function served(
  { trunks, rules, outboundTrunkIds }: SipSetup,
  outboundTrunkId: string | undefined,
): ReadonlySet<string> {
  const anywhere = rules.some(({ trunkIds }) => trunkIds.length === 0);
  const ruled = new Set(rules.flatMap(({ trunkIds }) => trunkIds));
  const numbers = trunks
    .filter(({ id }) => anywhere || ruled.has(id))
    .flatMap(({ numbers }) => (numbers.length === 0 ? [ALL] : numbers));
  const outbound = outboundTrunkIds.filter((id) => id === outboundTrunkId);
  return new Set([...numbers, ...(anywhere ? [ALL] : []), ...outbound]);
}

function isServed(one: string, now: ReadonlySet<string>): boolean {
  if (now.has(one)) return true;
  if (isTrunkId(one)) return false;
  // Numbers in place of all of them are an operator's choice.
  return now.has(ALL) || (one === ALL && [...now].some((other) => !isTrunkId(other)));
}

function isTrunkId(one: string): boolean {
  return one.startsWith('ST_');
}
