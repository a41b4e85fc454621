import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { ulid } from 'ulid';
import type { Call, Leg } from '../calls/call.ts';
import { isFinal } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { ERASED } from '../calls/erased.ts';
import type { Correlation, EndReason } from '../calls/reports.ts';
import type { Config, Line, LiveKitConfig } from '../config/config.ts';
import { listenerToken } from '../livekit/browser-token.ts';
import type { BrowserToken } from '../livekit/browser-token.ts';
import type { DialOptions, LiveKit, LiveKitRoom } from '../livekit/livekit-api.ts';
import { LiveKitError } from '../livekit/livekit-error.ts';
import { isCaller } from '../livekit/livekit-webhook.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';
import { isAllowed } from './destinations.ts';
import { ProblemError } from './problems.ts';

/** A room nobody has come into yet is kept this long, s. */
const EMPTY_TIMEOUT_SECONDS = 120;
const TRANSFER_RINGING_SECONDS = 30;

export type OperatorLiveKit = Pick<
  LiveKit,
  | 'rooms'
  | 'participants'
  | 'createRoom'
  | 'deleteRoom'
  | 'removeParticipant'
  | 'dispatch'
  | 'dial'
  | 'transfer'
>;

export interface OperatorOptions {
  readonly ledger: Pick<Ledger, 'record' | 'call' | 'openCalls'>;
  readonly livekit: OperatorLiveKit;
  readonly outbound: Config['outbound'];
  readonly lines: readonly Line[];
  /** What tokens for browsers are signed with. */
  readonly key: Pick<LiveKitConfig, 'apiKey' | 'apiSecret'>;
  readonly agentName: string;
  readonly log: Pick<Logger, 'error' | 'info'>;
}

export interface PlaceOptions {
  /** E.164 */
  readonly to: string;
  readonly from?: string | undefined;
  /** Name of the line whose agent talks. */
  readonly line: string;
  readonly ringingSeconds: number;
  /** Names the request: the same one never dials twice. */
  readonly requestId: string | undefined;
}

type Body = Pick<Extract<CallEvent, { source: unknown }>, 'type' | 'data'>;

/** What operators do to calls. Each action is on the call's timeline; each throws ProblemError. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #dialling = new Set<Promise<void>>();

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** Ends the call: its room is deleted, so whoever holds the SIP leg says BYE. */
  async hangup(call: Call, by: string): Promise<void> {
    const name = await this.#openRoom(call);
    await this.#record(call, { type: 'hangup.requested', data: { by } });
    try {
      await this.#clearRoom(call, name);
    } catch (error) {
      const detail = error instanceof Error ? error.message : '';
      await this.#record(call, { type: 'hangup.failed', data: { detail } });
      throw unavailable(error);
    }
  }

  /**
   * Hands the caller over by SIP REFER. Resolves when the far end has taken the call.
   *
   * @param to E.164 or a SIP address
   */
  async transfer(call: Call, to: string, by: string): Promise<void> {
    this.#checkDestination(to);
    const name = await this.#openRoom(call);
    const leg = liveLeg(call);
    if (call.ingress !== 'livekit-sip') {
      throw new ProblemError(
        'not-supported',
        `A call that came by "${call.ingress}" cannot be transferred: only livekit-sip sends REFER.`,
      );
    }
    const identity = await this.#identityOf(leg, name);
    await this.#record(call, { type: 'transfer.requested', data: { to, by } }, leg);
    try {
      await this.#options.livekit.transfer(name, identity, to, TRANSFER_RINGING_SECONDS);
    } catch (error) {
      if (!(error instanceof LiveKitError)) throw error;
      const { sipCode, message: detail } = error;
      const failed = { to, detail, ...(sipCode !== undefined && { sipCode }) };
      await this.#record(call, { type: 'transfer.failed', data: failed }, leg);
      throw new ProblemError('livekit-failed', 'The transfer failed; the call goes on.', {
        cause: error,
        sipCode,
      });
    }
    await this.#record(call, { type: 'transfer.completed', data: { to, by } }, leg);
  }

  /** Lets somebody listen whom nobody in the call sees or hears. It is on the timeline before. */
  async listen(call: Call, by: string): Promise<BrowserToken> {
    const name = await this.#openRoom(call);
    const token = await listenerToken(this.#options.key, name);
    const { identity } = token;
    await this.#record(call, { type: 'listener.admitted', data: { by, identity } });
    return token;
  }

  /** Calls somebody and sends them the line's agent. Resolves with the call, before they answer. */
  async place(options: PlaceOptions, by: string): Promise<Call> {
    const { ledger, livekit, outbound, lines, agentName } = this.#options;
    const { trunkId: trunk } = outbound;
    if (trunk === undefined) {
      throw new ProblemError(
        'no-outbound-trunk',
        'No trunk to call by is configured: set TRUNKLINE_OUTBOUND_TRUNK.',
      );
    }
    const { to, from, line } = options;
    this.#checkDestination(to);
    if (!lines.some(({ name }) => name === line)) {
      throw new ProblemError(400, `There is no line "${line}".`);
    }
    const requestId = options.requestId ?? randomBytes(16).toString('hex');
    const room = `call-out_${requestId.slice(0, 24)}`;
    const { sid } = await livekit
      .createRoom({ name: room, emptyTimeout: EMPTY_TIMEOUT_SECONDS })
      .catch((error: unknown) => {
        throw unavailable(error);
      });
    const correlation: Correlation = { roomSid: sid, roomName: room };
    const [recorded] = await ledger.record([
      {
        ...base(`op_request_${requestId}`),
        correlation,
        type: 'call.requested',
        data: { to, line, trunk, by, ...(from !== undefined && { from }) },
      },
    ]);
    const call = recorded?.callId === undefined ? undefined : await ledger.call(recorded.callId);
    if (recorded?.outcome === 'duplicate' || call === undefined) {
      throw new ProblemError(409, 'This call was begun before; it is among the calls.');
    }
    try {
      await livekit.dispatch(room, agentName, JSON.stringify({ line }));
    } catch (error) {
      await this.#dialFailed(correlation, { name: room, sid }, error, 'no_agent');
      throw unavailable(error);
    }
    this.#dial({ ...options, trunkId: trunk, room }, sid, correlation);
    return call;
  }

  /** Resolves when what is under way is recorded, or is not waited for any longer. */
  async close(timeoutMs: number): Promise<void> {
    const waited = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref());
    await Promise.race([Promise.allSettled(this.#dialling), waited]);
  }

  #dial(options: DialOptions, roomSid: string, correlation: Correlation): void {
    const { livekit, ledger, log } = this.#options;
    const dialling = (async () => {
      try {
        const leg = await livekit.dial(options);
        await ledger.record([
          {
            ...base(`op_${ulid()}`),
            correlation: { ...correlation, ...leg },
            type: 'dial.answered',
            data: {},
          },
        ]);
      } catch (error) {
        await this.#dialFailed(correlation, { name: options.room, sid: roomSid }, error);
      }
    })()
      .catch((error: unknown) => {
        // Webhooks and the reconciler tell the rest.
        log.error({ err: error }, 'the end of dialling could not be recorded');
      })
      .finally(() => this.#dialling.delete(dialling));
    this.#dialling.add(dialling);
  }

  async #dialFailed(
    correlation: Correlation,
    room: LiveKitRoom,
    error: unknown,
    reason?: EndReason,
  ): Promise<void> {
    const { livekit, ledger, log } = this.#options;
    const failure = error instanceof LiveKitError ? error : new LiveKitError(error);
    const { sipCode, message: detail } = failure;
    const endReason = reason ?? failure.endReason;
    log.info({ ...correlation, endReason, sipCode }, 'nobody was reached');
    await ledger.record([
      {
        ...base(`op_${ulid()}`),
        correlation,
        type: 'dial.failed',
        data: { endReason, detail, ...(sipCode !== undefined && { sipCode }) },
      },
    ]);
    await livekit.deleteRoom(room, () => true);
  }

  #checkDestination(to: string): void {
    if (isAllowed(to, this.#options.outbound.dialAllow)) return;
    throw new ProblemError(
      'destination-not-allowed',
      'This destination is not allowed: TRUNKLINE_DIAL_ALLOW should name it.',
    );
  }

  /** The name of the call's room. */
  async #openRoom({ state, room }: Call): Promise<string> {
    if (isFinal(state)) throw new ProblemError('call-over', 'The call is over.');
    if (room?.name === undefined) throw new ProblemError(409, 'The call is not in a room yet.');
    // The record of an erased caller does not have it any more.
    if (room.name !== ERASED || room.sid === undefined) return room.name;
    const rooms = await this.#options.livekit.rooms().catch((error: unknown) => {
      throw unavailable(error);
    });
    const found = rooms.find(({ sid }) => sid === room.sid);
    if (found === undefined) throw new ProblemError('call-over', 'The room is gone.');
    return found.name;
  }

  async #identityOf(leg: Leg, room: string): Promise<string> {
    const present = await this.#options.livekit.participants(room).catch((error: unknown) => {
      throw unavailable(error);
    });
    const found = present.find((person) => isLeg(leg, person));
    if (found === undefined) throw new ProblemError('call-over', 'The caller has gone.');
    return found.identity ?? '';
  }

  /** Hangs up on who is in the call, and on nobody else who is in a room of that name by now. */
  async #clearRoom({ legs, room }: Call, name: string): Promise<void> {
    const { livekit } = this.#options;
    const isOurs = (person: LiveKitParticipant) => legs.some((leg) => isLeg(leg, person));
    const [[found], people] = await Promise.all([livekit.rooms(name), livekit.participants(name)]);
    const ours = people.filter(isOurs);
    // Where LiveKit failed, the caller is in another room of the same name.
    if (found === undefined || (room?.sid !== found.sid && ours.length === 0)) return;
    // Before the record knows who is called, the room that was made for them tells.
    const mayGo = (person: LiveKitParticipant) =>
      !isCaller(person) || isOurs(person) || legs.length === 0;
    if (await livekit.deleteRoom(found, mayGo)) return;
    for (const { identity = '', sid = '' } of ours) {
      await livekit.removeParticipant(name, { identity, sid });
    }
  }

  async #record(call: Call, body: Body, leg: Leg | undefined = call.legs[0]): Promise<void> {
    const { sid: roomSid, name: roomName } = call.room ?? {};
    const participantSid = leg?.stays.at(-1)?.participantSid;
    const correlation: Correlation = {
      ...(roomSid !== undefined && { roomSid }),
      ...(roomName !== undefined && { roomName }),
      ...(leg?.sipCallId !== undefined && { sipCallId: leg.sipCallId }),
      ...(participantSid !== undefined && { participantSid }),
    };
    const event = { ...base(`op_${ulid()}`), correlation, ...body } as CallEvent;
    await this.#options.ledger.record([event]);
  }
}

/** The caller, or whom we called: whom they were connected with since comes after them. */
function liveLeg(call: Call): Leg {
  const leg = call.legs.find(({ endedAt, stays }) => endedAt === undefined && stays.length > 0);
  if (leg === undefined) throw new ProblemError('no-sip-leg', 'Nobody is on the line.');
  return leg;
}

function isLeg({ sipCallId, stays }: Leg, person: LiveKitParticipant): boolean {
  if (stays.some(({ participantSid }) => participantSid === person.sid)) return true;
  return sipCallId !== undefined && sipCallId === person.attributes?.['sip.callID'];
}

function base(id: string) {
  return { id, source: 'operator', at: new Date().toISOString() } as const;
}

function unavailable(cause: unknown): ProblemError {
  return new ProblemError(503, 'LiveKit did not answer, or refused.', { cause });
}
