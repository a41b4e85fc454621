import type { Generated, GeneratedAlways, Insertable, Selectable } from 'kysely';
import type { Key } from '../../calls/belonging/key.ts';
import type { CallState, Direction } from '../../calls/call.ts';

/** The ledger's tables, the same on SQLite and PostgreSQL; made by `migrations/`. */
export interface LedgerSchema {
  calls: CallTable;
  callKeys: CallKeyTable;
  events: EventTable;
  setAside: SetAsideTable;
  probes: ProbeTable;
  erasures: ErasureTable;
}

/** The record as JSON, and what it is listed by. */
interface CallTable {
  id: string;
  state: CallState;
  direction: Direction;
  line: string | null;
  fromNumber: string | null;
  toNumber: string | null;
  startedAt: string;
  endedAt: string | null;
  sealedAt: string | null;
  /** When its last event was stored. */
  touchedAt: string;
  /** `sequence` of its last event. */
  lastSequence: number;
  record: string;
  /** Of a call that is over. */
  endReason: string | null;
  ingress: string | null;
  /** What was said in a call whose record is sealed; to be searched. */
  said: string | null;
  /** Retention: its events are gone. */
  eventsRemovedAt: Generated<string | null>;
  /** Retention: what was said is gone. */
  transcriptRemovedAt: Generated<string | null>;
  /** A person was removed from it, and what comes late is not kept. */
  erasedAt: Generated<string | null>;
}

interface CallKeyTable extends Key {
  callId: string;
}

interface EventTable {
  /** Order of arrival over all calls; PostgreSQL gives a bigint as text. */
  position: GeneratedAlways<number | string>;
  id: string;
  /** Null until it is known which call the event belongs to. */
  callId: string | null;
  /** 1, 2, 3 … within the call, in order of arrival. */
  sequence: number | null;
  type: string;
  at: string;
  receivedAt: string;
  /** 1: came after sealing, and is not part of the record. */
  late: number;
  sipCallId: string | null;
  participantSid: string | null;
  roomSid: string | null;
  roomName: string | null;
  jobId: string | null;
  /** The CallEvent as JSON. */
  body: string;
}

/** See `set-aside.ts`. */
interface SetAsideTable {
  /** The event's. */
  id: string;
  form: 'event' | 'report' | 'webhook';
  /** JSON. */
  body: string;
  reason: string;
  receivedAt: string;
  attempts: number;
  nextAt: string;
}

/** One row, written to see whether one can. */
interface ProbeTable {
  id: number;
  at: string;
}

/** Receipts. */
interface ErasureTable {
  id: string;
  at: string;
  /** HMAC-SHA256, hex: the number itself is gone. */
  numberHash: string;
  /** ISO 3166: the number's own. */
  country: string | null;
  /** JSON. */
  counts: string;
}

export type CallRow = Selectable<CallTable>;
export type NewCallRow = Insertable<CallTable>;
export type SetAsideRow = Selectable<SetAsideTable>;
export type CallKey = Insertable<CallKeyTable>;
export type EventRow = Selectable<EventTable>;
export type NewEventRow = Insertable<EventTable>;
