import type { Call, CallState, Direction } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { SetAside } from './set-aside.ts';

/** Every event ever heard of, and the calls that they make. One contract suite on each store. */
export interface Ledger {
  readonly setAside: SetAside;
  /**
   * Stores the events and brings their calls up to date; all is on disk when it resolves, also
   * what had to be set aside. Rejects when the store is away: then some of these may be stored, and
   * all may come again.
   */
  record(events: readonly CallEvent[]): Promise<readonly Recorded[]>;
  /**
   * Calls the listener with what this process has recorded, once it is on disk.
   *
   * @returns ends it
   */
  onRecorded(listener: RecordedListener): () => void;
  /** By its id, or by one that it had while it seemed to be several calls. */
  call(id: string): Promise<Call | undefined>;
  /** Newest first. */
  calls(query: CallQuery): Promise<Page<Call>>;
  /** Of one call, by `sequence`. */
  events(callId: string, query: PageQuery): Promise<Page<StoredEvent>>;
  /** Not sealed, last touched longest ago first. */
  openCalls(): Promise<readonly OpenCall[]>;
  /** Rooms that events since then name and no call is known for. */
  unassignedRooms(since: string): Promise<readonly UnassignedRoom[]>;
  /**
   * Makes the records final; but not of calls that are not over, or that somebody holds at this
   * moment. Those that were not final yet.
   */
  seal(callIds: readonly string[], at: string): Promise<readonly Call[]>;
  /** Calls that are not sealed, by state. */
  countOpen(): Promise<Readonly<Partial<Record<CallState, number>>>>;
  /** Rejects when the store cannot be written. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

export type RecordedListener = (
  events: readonly CallEvent[],
  recorded: readonly Recorded[],
) => void;

export interface Recorded {
  readonly eventId: string;
  readonly outcome: Outcome;
  readonly callId?: string;
  /** Why it was set aside. */
  readonly reason?: string;
}

/**
 * - `applied`, `no_effect`: folded into the call
 * - `duplicate`: known by its id, not stored again
 * - `late`: its call is sealed; kept on the timeline
 * - `unassigned`: kept until its call is known
 * - `set_aside`: it could not be recorded now, and is tried again
 */
type Outcome = 'applied' | 'no_effect' | 'duplicate' | 'late' | 'unassigned' | 'set_aside';

export interface PageQuery {
  /** 1 to 1000. */
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

interface CallQuery extends PageQuery {
  readonly state?: CallState | undefined;
  readonly line?: string | undefined;
  readonly direction?: Direction | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** `startedAt` at or after, RFC 3339. */
  readonly since?: string | undefined;
  /** `startedAt` before, RFC 3339. */
  readonly until?: string | undefined;
  readonly endReason?: string | undefined;
  readonly ingress?: string | undefined;
  /** Digits that a number on either side ends with. */
  readonly number?: string | undefined;
  /** A room's name. */
  readonly room?: string | undefined;
  /** Words that were all said, in calls whose record is sealed. */
  readonly said?: string | undefined;
}

export interface Page<T> {
  readonly data: readonly T[];
  /** Undefined on the last page. */
  readonly nextCursor: string | undefined;
}

export interface StoredEvent {
  readonly sequence: number;
  readonly receivedAt: string;
  /** Came after sealing. */
  readonly late: boolean;
  readonly event: CallEvent;
}

interface OpenCall {
  readonly call: Call;
  /** When its last event was stored. */
  readonly touchedAt: string;
}

export interface UnassignedRoom {
  readonly roomSid: string;
  readonly roomName: string | undefined;
  /** A job was there: an agent is, or was. */
  readonly hasAgent: boolean;
  /** The agent has met somebody, and so told what it talks about. */
  readonly hasBegun: boolean;
  /** Arrival of the last event. */
  readonly touchedAt: string;
}
