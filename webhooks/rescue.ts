import type { Logger } from 'pino';
import type { Call, Leg } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Ledger, Recorded } from '../calls/ledger.ts';
import type { Line } from '../config/config.ts';
import type { LiveKitActions, LiveKitRooms } from './livekit-rooms.ts';
import type { LiveKitParticipant } from './livekit-webhook.ts';
import type { RescuePlan } from './rescue-plan.ts';
import { planClearing, planRescue } from './rescue-plan.ts';

/** Reports of one end arrive together. */
const GATHER_MS = 100;
/** When the room is not as the record says, the reconciler has it right by then. */
const LOOK_AGAIN_MS = 5_000;
/** LiveKit did not answer. */
const RETRY_MS = 2_000;

export interface RescuerOptions {
  readonly ledger: Pick<Ledger, 'call' | 'record' | 'openCalls'>;
  readonly livekit: LiveKitRooms & LiveKitActions;
  readonly lines: readonly Line[];
  /** Our agents' name. */
  readonly agentName: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Told of each step that was taken, e.g. to count it. */
  readonly onStep?: (step: string, reason: string) => void;
}

/**
 * Sees to it that no caller stays in a room without an agent, and no agent in a room without a
 * caller. What is due follows from the record (`rescue-plan.ts`), so nothing is lost when the
 * service is started anew; timers only say when to look next. Every step is recorded before it is
 * taken: of several call services the one that recorded it takes it.
 */
export class Rescuer {
  readonly #options: RescuerOptions;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Map<string, Promise<void>>();
  #closed = false;

  constructor(options: RescuerOptions) {
    this.#options = options;
  }

  /** Events that were stored: those after which somebody may need help. */
  heard(events: readonly CallEvent[], recorded: readonly Recorded[]): void {
    for (const [index, { callId, outcome }] of recorded.entries()) {
      const event = events[index];
      if (callId === undefined || outcome === 'late' || event === undefined) continue;
      if (isAlarm(event)) this.#lookIn(callId, GATHER_MS);
      else if (isArrival(event) && !this.#timers.has(callId))
        this.#lookIn(callId, LOOK_AGAIN_MS / 2);
    }
  }

  /** All open calls: the safety net under `heard`, and how it begins after a start. */
  async sweep(): Promise<void> {
    for (const { call } of await this.#options.ledger.openCalls()) {
      const due = this.#dueAt(call);
      if (due !== undefined && !this.#timers.has(call.id)) this.#lookIn(call.id, due - Date.now());
    }
  }

  /** Takes no further step; resolves when those under way are done. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(this.#running.values());
  }

  #lookIn(callId: string, ms: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timers.get(callId));
    const timer = setTimeout(
      () => {
        this.#timers.delete(callId);
        this.#run(callId);
      },
      Math.max(0, ms),
    );
    timer.unref();
    this.#timers.set(callId, timer);
  }

  /** One look at a call at a time. */
  #run(callId: string): void {
    if (this.#running.has(callId)) return this.#lookIn(callId, GATHER_MS);
    const look = this.#lookSafely(callId);
    this.#running.set(callId, look);
  }

  async #lookSafely(callId: string): Promise<void> {
    let again: number | undefined;
    try {
      again = await this.#look(callId);
    } catch (error) {
      this.#options.log.warn({ err: error, callId }, 'a caller could not be looked after');
      again = RETRY_MS;
    }
    this.#running.delete(callId);
    if (again !== undefined && !this.#timers.has(callId)) this.#lookIn(callId, again);
  }

  /** @returns when to look again, ms */
  async #look(callId: string): Promise<number | undefined> {
    const call = await this.#options.ledger.call(callId);
    const due = call && this.#dueAt(call);
    if (call === undefined || due === undefined) return undefined;
    const wait = due - Date.now();
    if (wait > 0) return wait;
    const plan = this.#plan(call);
    return plan === undefined ? this.#clear(call) : this.#rescue(call, plan);
  }

  #dueAt(call: Call): number | undefined {
    return this.#plan(call)?.dueAt ?? planClearing(call);
  }

  #plan(call: Call): RescuePlan | undefined {
    return planRescue(call, this.#lineOf(call)?.fallback);
  }

  #lineOf(call: Call): Line | undefined {
    return this.#options.lines.find(({ name }) => name === call.line);
  }

  async #rescue(call: Call, plan: RescuePlan): Promise<number | undefined> {
    const { livekit, log } = this.#options;
    const room = call.room?.name;
    if (room === undefined) return LOOK_AGAIN_MS;
    const people = await livekit.participants(room);
    const caller = people.find((one) => isLeg(plan.caller, one));
    const ghosts = people.filter((one) => isGhost(call, one));
    // Whoever speaks with the caller: an agent that we have not heard of, another leg, a person.
    const company = people.some((one) => one !== caller && !ghosts.includes(one) && speaks(one));
    if (caller?.identity === undefined || company) return LOOK_AGAIN_MS;
    const all = await livekit.dispatches(room);
    const dispatches = all.filter(({ agentName }) => this.#isOurs(call, agentName));
    // LiveKit may serve others than us: what is nobody's of ours is left alone.
    const wasOurs = call.agents.some(({ name }) => name !== undefined && this.#isOurs(call, name));
    if (dispatches.length === 0 && !wasOurs && plan.caller.invitedAt === undefined) {
      return undefined;
    }

    const step = { ...plan, room, identity: caller.identity };
    if (!(await this.#claim(call, step))) return LOOK_AGAIN_MS / 2;
    log.warn({ callId: call.id, step: plan.step, reason: plan.reason }, 'a caller has no agent');
    this.#options.onStep?.(plan.step, plan.reason);
    try {
      await Promise.all(
        ghosts.map(({ identity = '' }) => this.#remove(call, room, identity, 'agent_lost')),
      );
      // An agent that comes late must not meet the one that is sent for now.
      await Promise.all(dispatches.map(({ id }) => livekit.deleteDispatch(room, id)));
      await this.#take(call, step, dispatches[0]?.metadata);
    } catch (error) {
      log.warn({ err: error, callId: call.id, step: plan.step }, 'a step for the caller failed');
      await this.#record(call, step, `${plan.id}:failed`, {
        type: 'rescue.failed',
        data: { reason: plan.reason, agents: plan.agents, detail: (error as Error).message },
      });
    }
    return GATHER_MS;
  }

  #isOurs(call: Call, agentName: string): boolean {
    return (
      agentName === this.#options.agentName || agentName === this.#lineOf(call)?.fallback?.agent
    );
  }

  /** True for the one that may take the step. */
  async #claim(call: Call, step: Step): Promise<boolean> {
    const { reason, agents } = step;
    const { agent, number } = this.#lineOf(call)?.fallback ?? {};
    const data = { reason, agents };
    switch (step.step) {
      case 'dispatch': {
        const { agentName } = this.#options;
        return this.#record(call, step, step.id, {
          type: 'rescue.dispatched',
          data: { ...data, agentName },
        });
      }
      case 'agent':
      case 'number': {
        const target =
          step.step === 'agent' ? { agentName: agent ?? '' } : { number: number ?? '' };
        return this.#record(call, step, step.id, {
          type: 'rescue.fallback',
          data: { ...data, ...target },
        });
      }
      case 'release':
        return this.#record(call, step, step.id, { type: 'rescue.released', data });
      default:
        return step.step satisfies never;
    }
  }

  async #take(call: Call, step: Step, metadata: string | undefined): Promise<void> {
    const { livekit, agentName } = this.#options;
    const { agent, number } = this.#lineOf(call)?.fallback ?? {};
    switch (step.step) {
      case 'dispatch':
        return livekit.dispatch(step.room, agentName, resuming(call, metadata));
      case 'agent':
        return livekit.dispatch(step.room, agent ?? agentName, resuming(call, metadata));
      case 'number':
        await livekit.transfer(step.room, step.identity, number ?? '');
        await this.#record(call, step, `${step.id}:transferred`, {
          type: 'rescue.transferred',
          data: { reason: step.reason, agents: step.agents },
        });
        return;
      case 'release':
        return livekit.deleteRoom(step.room);
      default:
        return step.step satisfies never;
    }
  }

  /** Its caller has gone, and the room is still there. */
  async #clear(call: Call): Promise<number | undefined> {
    const { livekit, log } = this.#options;
    const room = call.room?.name;
    if (room === undefined) return undefined;
    const people = await livekit.participants(room);
    const known = people.some((one) => call.agents.some((agent) => isAgent(agent, one)));
    if (!known || people.some(({ kind }) => kind !== 'AGENT')) return undefined;
    for (const { identity = '' } of people) await this.#remove(call, room, identity, 'caller_gone');
    await livekit.deleteRoom(room);
    log.info({ callId: call.id }, 'an agent was left behind by its caller');
    return undefined;
  }

  async #remove(
    call: Call,
    room: string,
    identity: string,
    reason: 'agent_lost' | 'caller_gone',
  ): Promise<void> {
    await this.#options.livekit.removeParticipant(room, identity);
    await this.#record(call, { caller: call.legs[0] }, `removed:${call.room?.sid}:${identity}`, {
      type: 'rescue.removed',
      data: { reason, identity },
    });
  }

  /** False when it was recorded already. */
  async #record(
    call: Call,
    { caller }: { readonly caller: Leg | undefined },
    id: string,
    body: RescueBody,
  ): Promise<boolean> {
    const event: CallEvent = {
      id,
      source: 'reconciler',
      at: new Date().toISOString(),
      correlation: {
        ...(call.room?.sid !== undefined && { roomSid: call.room.sid }),
        ...(caller?.sipCallId !== undefined && { sipCallId: caller.sipCallId }),
        ...(caller?.stays[0] && { participantSid: caller.stays[0].participantSid }),
      },
      ...body,
    };
    const [recorded] = await this.#options.ledger.record([event]);
    return recorded?.outcome !== 'duplicate';
  }
}

type RescueEvent = Extract<CallEvent, { type: `rescue.${string}` }>;
type RescueBody = RescueEvent extends infer E
  ? E extends RescueEvent
    ? Pick<E, 'type' | 'data'>
    : never
  : never;

interface Step extends RescuePlan {
  readonly room: string;
  /** The caller's. */
  readonly identity: string;
}

function isAlarm({ type, data }: CallEvent): boolean {
  return type === 'agent.ended' || (type === 'participant.left' && data.kind === 'agent');
}

function isArrival({ type, data }: CallEvent): boolean {
  return type === 'participant.joined' && data.kind === 'sip';
}

function isLeg({ sipCallId, stays }: Leg, { sid, attributes, kind }: LiveKitParticipant): boolean {
  if (kind !== 'SIP') return false;
  if (stays.some(({ participantSid }) => participantSid === sid)) return true;
  return sipCallId !== undefined && attributes?.['sip.callID'] === sipCallId;
}

function isAgent(
  { participantSid, jobId }: Call['agents'][number],
  { sid, identity }: LiveKitParticipant,
): boolean {
  return participantSid === sid || (jobId !== undefined && identity === `agent-${jobId}`);
}

/** LiveKit takes some 20 s to notice that a process is gone; its worker has told us at once. */
function isGhost(call: Call, participant: LiveKitParticipant): boolean {
  if (participant.kind !== 'AGENT') return false;
  return call.agents.some((agent) => agent.endedAt !== undefined && isAgent(agent, participant));
}

/** Not who only listens in. */
function speaks({ kind, isPublisher }: LiveKitParticipant): boolean {
  return kind === 'SIP' || kind === 'AGENT' || isPublisher === true;
}

/** The dispatch as it was; an agent that follows another one says so instead of greeting. */
function resuming(call: Call, metadata: string | undefined): string {
  const base = metadata || JSON.stringify({ line: call.line, called: call.to });
  if (call.inProgressAt === undefined) return base;
  try {
    const dispatch: unknown = JSON.parse(base);
    return JSON.stringify({ ...(dispatch as object), resumed: true });
  } catch {
    return base; // another system's
  }
}
