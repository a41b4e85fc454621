import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { IncomingInviteRequest } from 'sip.js/lib/core/index.js';
import type { RefusalCause } from '../../../calls/refusals.ts';
import type { Config } from '../../../config/config.ts';
import { findLine } from '../../../config/config.ts';
import { identify } from './call-identity.ts';
import { Call } from './call.ts';
import type { CallDependencies, Ending } from './call.ts';
import { rejectReliably } from '../signalling/dialog.ts';
import type { Flow } from '../signalling/flow.ts';
import type { SipMetrics } from '../signalling/metrics.ts';
import { calledNumber, callerNumber, mayCall } from '../signalling/number-of.ts';
import type { SipRequest } from '../signalling/request.ts';
import { PortPool } from '../media/port-pool.ts';
import { agree, isIncompatible, warningHeader } from '../media/sdp.ts';
import { WorkerCapacity } from './worker-capacity.ts';

export interface CallsOptions extends Omit<CallDependencies, 'ports' | 'turns'> {
  readonly config: Pick<Config, 'livekit' | 'agentName' | 'sip' | 'worker' | 'lines'>;
  readonly metrics: SipMetrics;
  /** Told of INVITEs that make no call; not of those that a limit drops. */
  readonly onRefused?: ((refused: Refused, flow: Flow) => void) | undefined;
}

export interface Refused {
  readonly cause: RefusalCause;
  readonly statusCode: number;
  /** As it was read. */
  readonly dialled?: string | undefined;
}

/** A call as GET /stats shows it. */
export interface CallSummary {
  readonly sipCallId: string;
  readonly room: string;
  readonly line: string;
  readonly state: string;
  readonly startedAt: string;
}

/** The calls of an endpoint: takes an admitted INVITE, or says why not. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #ports: PortPool;
  /** Twenty calls set up at once on two cores are all late; in turns, the first are answered soon. */
  readonly #turns = pLimit(availableParallelism());
  readonly #worker: WorkerCapacity;
  readonly #calls = new Set<Call>();
  readonly #maxCalls: number;
  #onEmpty: (() => void) | undefined;

  constructor(options: CallsOptions) {
    const { from, to } = options.config.sip.rtpPorts;
    this.#options = options;
    this.#ports = new PortPool(from, to);
    this.#maxCalls = Math.min(options.config.sip.maxCalls, this.#ports.available);
    this.#worker = new WorkerCapacity(options.config.worker);
  }

  list(): CallSummary[] {
    return [...this.#calls].map(({ identity, state, startedAt }) => ({
      sipCallId: identity.sipCallId,
      room: identity.roomName,
      line: identity.line.name,
      state,
      startedAt: startedAt.toISOString(),
    }));
  }

  /** Answers the INVITE in any case. */
  take(request: IncomingInviteRequest, invite: SipRequest, flow: Flow): void {
    const { config, log } = this.#options;
    const { trunk } = config.sip;
    const from = callerNumber(invite, trunk);
    const to = calledNumber(invite, trunk);
    if (!mayCall(invite, trunk)) {
      log.warn({ from, to }, 'the trunk takes no calls from this caller');
      this.#refuse(request, flow, { statusCode: 403, cause: 'caller_not_allowed' });
      return;
    }
    const line = findLine(config.lines, to ?? '');
    if (!line) {
      log.warn({ from, to }, 'no line has the number dialled');
      this.#refuse(request, flow, { statusCode: 404, cause: 'number_not_mapped', dialled: to });
      return;
    }
    const { body } = request.message;
    const offer = body === '' ? undefined : agree(body, trunk.codecs, flow.remoteAddress);
    if (offer && isIncompatible(offer)) {
      log.warn({ ...offer }, 'the offer has no audio that we can do');
      const extraHeaders = [warningHeader(offer)];
      this.#refuse(request, flow, { statusCode: 488, cause: 'no_codec', extraHeaders });
      return;
    }
    const others = this.#calls.size;
    const call = new Call({
      ...this.#options,
      ports: this.#ports,
      turns: this.#turns,
      request,
      invite,
      flow,
      offer,
      identity: identify({ request: invite, from, to, line, trunk }),
      hasRoom: async () => others < this.#maxCalls && !(await this.#worker.isFull(others)),
      onEnded: (ending) => this.#onEnded(call, ending),
    });
    this.#calls.add(call);
    this.#options.metrics.active.set(this.#calls.size);
    call.start();
  }

  /** Resolves when the last call has ended, at the limit, or when aborted. */
  async drain(limitMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#calls.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#onEmpty = () => resolve(undefined);
    const limit = delay(limitMs, undefined, { ...(signal && { signal }), ref: false });
    await Promise.race([promise, limit.catch(() => undefined)]);
  }

  /** @param goodbyeMs left for the answers to our BYEs */
  async close(goodbyeMs: number): Promise<void> {
    this.#worker.close();
    const over = [...this.#calls].map((call) => call.over);
    this.#endAll();
    const stop = new AbortController();
    const limit = delay(goodbyeMs, undefined, { signal: stop.signal }).catch(() => undefined);
    await Promise.race([Promise.all(over), limit]);
    stop.abort();
  }

  #endAll(): void {
    for (const call of this.#calls) call.hangUp();
  }

  #onEnded(call: Call, { endReason }: Ending): void {
    this.#calls.delete(call);
    this.#options.metrics.active.set(this.#calls.size);
    this.#options.metrics.ended.inc({ reason: endReason });
    if (this.#calls.size === 0) this.#onEmpty?.();
  }

  #refuse(
    request: IncomingInviteRequest,
    flow: Flow,
    { extraHeaders = [], ...refused }: Refused & { readonly extraHeaders?: string[] },
  ): void {
    const { statusCode } = refused;
    this.#options.onRefused?.(refused, flow);
    this.#options.metrics.refused.inc({ code: statusCode });
    this.#options.userAgent.within(flow, () =>
      rejectReliably({ request, flow }, { statusCode, extraHeaders }),
    );
  }
}
