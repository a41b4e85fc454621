import type { GeneratedAlways, Insertable, Selectable } from 'kysely';
import type { CallState, Direction } from './call.ts';

/** The ledger's tables, the same on SQLite and PostgreSQL; made by `migrations/`. */
export interface LedgerSchema {
  calls: CallTable;
  callKeys: CallKeyTable;
  events: EventTable;
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
}

/** What a call is found by. Only `room` and `roomName` may name several calls. */
interface CallKeyTable {
  kind: 'sip' | 'participant' | 'job' | 'room' | 'roomName';
  key: string;
  callId: string;
}

interface EventTable {
  /** Order of arrival over all calls. */
  position: GeneratedAlways<number>;
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

export type CallRow = Selectable<CallTable>;
export type NewCallRow = Insertable<CallTable>;
export type CallKey = Insertable<CallKeyTable>;
export type EventRow = Selectable<EventTable>;
