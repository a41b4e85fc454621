import type { Generated, Insertable, Kysely, Selectable } from 'kysely';
import type { LedgerSchema } from '../../ledger/sql/schema.ts';
import type { PublicEventType } from './public-events.ts';

/** The tables of what is told to others; made by `migrations/0002-outbox.ts`. */
export type OutboxSchema = {
  publicEvents: PublicEventTable;
  endpoints: EndpointTable;
  deliveries: DeliveryTable;
  streams: StreamTable;
  attempts: AttemptTable;
};

/** Where the ledger is. */
export type OutboxDb = Kysely<LedgerSchema & OutboxSchema>;

interface PublicEventTable {
  /** Grows in the order of commits: see `publishChanges`. PostgreSQL's bigint is a text. */
  position: Generated<number | string>;
  id: string;
  type: PublicEventType;
  callId: string | null;
  sequence: number | null;
  /** What it tells; once per call. */
  key: string;
  timestamp: string;
  /** JSON object. */
  data: string;
}

interface EndpointTable {
  id: string;
  url: string;
  description: string | null;
  /** JSON array of patterns. */
  events: string;
  secret: string;
  /** Signs as well until then, so that a consumer can change over in its own time. */
  oldSecret: string | null;
  oldSecretUntil: string | null;
  createdAt: string;
  disabledAt: string | null;
  disabledReason: 'operator' | 'gone' | 'failing' | null;
  /** First failure since the last success. */
  failingSince: string | null;
  /** It asked for a pause until then (Retry-After). */
  pausedUntil: string | null;
}

/** What an endpoint is to be told, or was. */
interface DeliveryTable {
  id: string;
  endpointId: string;
  stream: string;
  /** Of the public event; deliveries of a stream go out in its order. */
  position: number | string;
  state: 'pending' | 'delivered' | 'dead';
  /** Tries that count against the schedule. */
  attempts: number;
  createdAt: string;
  finishedAt: string | null;
}

/**
 * What is to be sent in order: the events of one call to one endpoint. There is a row as long as
 * the stream has pending deliveries; whoever holds its lease sends the first of them.
 */
interface StreamTable {
  endpointId: string;
  /** The call's id; the event's where there is no call. */
  stream: string;
  nextAt: string;
  leasedBy: string | null;
  leasedUntil: string | null;
}

interface AttemptTable {
  deliveryId: string;
  /** 1, 2, 3 … */
  number: number;
  at: string;
  /** HTTP; null when there was no answer. */
  status: number | null;
  /** Until the answer or the failure. */
  ms: number;
  error: string | null;
}

export type PublicEventRow = Selectable<PublicEventTable>;
export type NewPublicEventRow = Insertable<PublicEventTable>;
export type EndpointRow = Selectable<EndpointTable>;
export type DeliveryRow = Selectable<DeliveryTable>;
