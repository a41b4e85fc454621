import type { Page, PageQuery } from '../../ledger/ledger.ts';
import type { PublicEvent } from './public-events.ts';

/** Whom to tell, what is still to be told to them, and how it went. Part of the ledger. */
export interface Outbox {
  readonly endpoints: EndpointStore;
  readonly deliveries: DeliveryStore;
  readonly queue: DeliveryQueue;
}

export interface EndpointStore {
  create(endpoint: NewEndpoint): Promise<Endpoint & { readonly secret: string }>;
  get(id: string): Promise<Endpoint | undefined>;
  /** Newest first. */
  list(query: PageQuery): Promise<Page<Endpoint>>;
  /** Undefined when there is none. Enabling it again goes on with what was left over. */
  change(id: string, change: EndpointChange): Promise<Endpoint | undefined>;
  /** What it was still to be told is forgotten; its delivery log stays. False: there is none. */
  delete(id: string): Promise<boolean>;
  /** The new secret; the old one signs as well until then. Undefined: there is none. */
  rotate(id: string, oldUntil: Date): Promise<string | undefined>;
  /** Queues an `endpoint.test` event for this endpoint only. The delivery's id. */
  test(id: string): Promise<string | undefined>;
}

export interface NewEndpoint {
  readonly url: string;
  /** Patterns of event types. */
  readonly events: readonly string[];
  readonly description?: string | undefined;
}

export interface EndpointChange {
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly disabled?: boolean | undefined;
}

/** Without its secret, which nobody is shown twice. */
export interface Endpoint {
  /** `ep_` + ULID. */
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly description?: string;
  readonly createdAt: string;
  readonly disabledAt?: string;
  /** `gone`: it answered 410; `failing`: for days. */
  readonly disabledReason?: 'operator' | 'gone' | 'failing';
  readonly failingSince?: string;
}

export interface DeliveryStore {
  /** Newest first, without attempts. */
  list(query: DeliveryQuery): Promise<Page<Delivery>>;
  /** With its attempts. */
  get(id: string): Promise<DeliveryDetail | undefined>;
  /** Sends it again from the first step of the schedule on, or sooner. False: there is none. */
  retry(id: string): Promise<boolean>;
}

export type DeliveryState = 'pending' | 'delivered' | 'dead';

interface DeliveryQuery extends PageQuery {
  readonly state?: DeliveryState | undefined;
  readonly endpointId?: string | undefined;
  readonly callId?: string | undefined;
}

export interface Delivery {
  /** `dlv_` + ULID. */
  readonly id: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly type: string;
  readonly callId: string | null;
  readonly sequence: number | null;
  readonly state: DeliveryState;
  /** Tries so far that failed and count against the schedule, or succeeded. */
  readonly attempts: number;
  readonly createdAt: string;
  readonly finishedAt?: string;
}

export interface DeliveryDetail extends Delivery {
  readonly log: readonly Attempt[];
}

export interface Attempt {
  readonly at: string;
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  /** Until the answer or the failure, ms. */
  readonly ms: number;
  readonly error?: string;
}

/** What senders share: each stream is leased to one of them at a time. */
export interface DeliveryQueue {
  /** Leases streams that are due, at most as many per endpoint as there is room for. */
  claim(options: ClaimOptions): Promise<readonly Claim[]>;
  /**
   * Stores the attempt. Answers the stream's next delivery, under the lease prolonged, when there
   * is one to be sent now. A lease that was lost meanwhile changes nothing.
   */
  finish(
    claim: Claim,
    attempt: Attempt,
    verdict: Verdict,
    options: Lease,
  ): Promise<Claim | undefined>;
  /** At a start: where there can be no other sender, what one that died has leased is due again. */
  takeOver(): Promise<void>;
  /** Gives the stream back unsent. */
  release(claim: Claim): Promise<void>;
}

export interface Lease {
  readonly now: Date;
  /** When others may take the streams over. */
  readonly until: Date;
}

export interface ClaimOptions extends Lease {
  /** Who claims: an id of the process. */
  readonly holder: string;
  /** How many more streams of the endpoint may be sent at the same time. */
  readonly room: (endpointId: string) => number;
}

/** A delivery that is to be sent now, and by nobody else. */
export interface Claim {
  readonly holder: string;
  readonly stream: string;
  readonly deliveryId: string;
  /** Tries so far that count. */
  readonly attempts: number;
  /** Since when it is to be sent, RFC 3339. */
  readonly queuedAt: string;
  readonly event: PublicEvent;
  readonly endpoint: {
    readonly id: string;
    readonly url: string;
    /** `whsec_…`, the current one first. */
    readonly secrets: readonly string[];
  };
}

/** What follows from an attempt. */
export type Verdict =
  | { readonly type: 'delivered' }
  /** @param counts false: the endpoint asked to wait, and the schedule stays where it is */
  | { readonly type: 'retry'; readonly at: Date; readonly counts: boolean }
  /** Given up; kept, and may be retried by hand. */
  | { readonly type: 'dead' }
  /** Given up, and the endpoint wants no more. */
  | { readonly type: 'gone' };
