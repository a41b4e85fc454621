import { release } from 'node:os';
import type { Call } from '../calls/call.ts';
import type { Why } from '../calls/why/rule.ts';
import type { StoredEvent } from '../ledger/ledger.ts';
import { viewCall } from './views.ts';

/** Whatever an event has under these names is a number, a time, or one of a few words of ours. */
const PLAIN: ReadonlySet<string> = new Set([
  'kind',
  'direction',
  'ingress',
  'status',
  'statusAt',
  'joinedAt',
  'startedAt',
  'endedAt',
  'reason',
  'endedBy',
  'endReason',
  'sipCode',
  'codec',
  'ptime',
  'dtmf',
  'index',
  'who',
  'interrupted',
  'confidence',
  'component',
  'recoverable',
  'pipeline',
  'profileVersion',
  'agents',
  'callerSilentMs',
]);
/** As above, for objects whose every value is a number. */
const FIGURES: ReadonlySet<string> = new Set(['latency', 'media']);
const HTTP_STATUS = /\b[45]\d\d\b/;
const WORD = /^[A-Za-z0-9_.:/-]{1,40}$/;

/**
 * A call for somebody who is to help and need not know whose it is: no number, no name, no word, no
 * address, no room. What is not known to be harmless is left out. Two ends that were the same are
 * called the same.
 */
export function supportFile(call: Call, why: Why | undefined, events: readonly StoredEvent[]) {
  const names = new Map<string, string>();
  const alias = (value: string | undefined) => {
    if (value === undefined) return undefined;
    const known = names.get(value) ?? `end ${names.size + 1}`;
    names.set(value, known);
    return known;
  };
  const view = viewCall(call);
  return {
    trunkline: 'support',
    node: process.version,
    system: `${process.platform} ${process.arch} ${release()}`,
    call: {
      direction: view.direction,
      ingress: view.ingress,
      state: view.state,
      from: alias(view.from),
      to: alias(view.to),
      startedAt: view.startedAt,
      answeredAt: view.answeredAt,
      inProgressAt: view.inProgressAt,
      endedAt: view.endedAt,
      endedBy: view.endedBy,
      endReason: view.endReason,
      sipCode: view.sipCode,
      sealedAt: view.sealedAt,
      missing: view.missing,
      legs: view.legs.map(({ direction, from, to, answeredAt, endedAt, sipCode, ...leg }) => ({
        direction,
        from: alias(from),
        to: alias(to),
        answeredAt,
        endedAt,
        sipCode,
        codec: plain(leg.codec),
        media: leg.media,
      })),
      turns: view.turns.map(({ index, who, text, startedAt, endedAt, ...turn }) => ({
        index,
        who,
        characters: text.length,
        startedAt,
        endedAt,
        interrupted: turn.interrupted,
        confidence: turn.confidence,
        latency: turn.latency,
      })),
      usage: view.usage.map(({ kind, provider, model, ...used }) => ({
        kind,
        provider: plain(provider),
        model: plain(model),
        ...figures(used),
      })),
      profileVersion: plain(view.agent?.profileVersion),
    },
    why: why && { cause: why.cause, layer: why.layer },
    timeline: events.map(({ sequence, receivedAt, late, event }) => ({
      sequence,
      at: event.at,
      receivedAt,
      source: event.source,
      type: event.type,
      ...(event.inferred === true && { inferred: true }),
      ...(late && { late }),
      data: harmless(event.data),
    })),
  };
}

function harmless(data: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(data).flatMap(([name, value]): [string, unknown][] => {
      if (PLAIN.has(name)) {
        const kept = plain(value);
        return kept === undefined ? [] : [[name, kept]];
      }
      if (FIGURES.has(name)) return [[name, figures(Object(value) as object)]];
      if (name === 'sip') return [[name, harmless(Object(value) as object)]];
      if (typeof value !== 'string') return [];
      // What a provider answered helps most; what it wrote may quote the caller.
      const status = name === 'message' ? HTTP_STATUS.exec(value)?.[0] : undefined;
      return [
        [`${name}Length`, value.length],
        ...(status ? [['status', status] as const] : []),
      ].map(([key, kept]) => [String(key), kept]);
    }),
  );
}

function plain(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  return typeof value === 'string' && WORD.test(value) ? value : undefined;
}

function figures(values: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number',
    ),
  );
}
