import type { Logger } from 'pino';
import type { Call, Leg } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { ERASED } from '../calls/erased.ts';
import type {
  Dispatch,
  LiveKitActions,
  LiveKitRoom,
  LiveKitRooms,
} from '../livekit/livekit-api.ts';
import { isCaller } from '../livekit/livekit-webhook.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';
import type { Fallback } from '../config/config.ts';
import type { RescuePlan } from './rescue-plan.ts';

/** From the dispatch, or from the caller's coming, to the agent in the room: no more than this. */
const JOIN_MS = 5_000;
/** How long a person's telephone rings before the caller is told that nobody comes, s. */
const TRANSFER_RINGING_SECONDS = 25;

export interface RescueDeps {
  readonly ledger: Pick<Ledger, 'record'>;
  readonly livekit: LiveKitRooms & LiveKitActions;
  /** Our agents' name. */
  readonly agentName: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Told of each step that is taken, e.g. to count it. */
  readonly onStep?: (step: string, reason: string) => void;
}

/**
 * - `taken`: the plan's step, by us
 * - `coming`: a worker has taken the last dispatch, and its agent may be about to join
 * - `elsewhere`: the room is not as the record says, or another call service has taken the step
 * - `not_ours`: none of our agents was ever sent there
 */
export type RescueOutcome = 'taken' | 'coming' | 'elsewhere' | 'not_ours';

/**
 * Takes the step that is due, if LiveKit too says that the caller is alone. It is recorded before
 * it is taken: of several call services the one that recorded it takes it. Rejects when LiveKit or
 * the ledger does not answer beforehand; what fails afterwards is recorded.
 */
export async function rescueCaller(
  deps: RescueDeps,
  call: Call,
  plan: RescuePlan,
  fallback: Fallback | undefined,
): Promise<RescueOutcome> {
  const { livekit, agentName, log } = deps;
  const room = await roomOf(deps, call);
  if (room === undefined) return 'elsewhere';
  const people = await livekit.participants(room.name);
  const caller = people.find((one) => isLeg(plan.caller, one));
  const ghosts = people.filter((one) => isGhost(call, one));
  if (caller?.identity === undefined || people.some(isCompany)) return 'elsewhere';

  // LiveKit may serve others than us: what is nobody's of ours is left alone.
  const isOurs = (name: string | undefined) => name === agentName || name === fallback?.agent;
  const all = await livekit.dispatches(room.name);
  const dispatches = all.filter((dispatch) => isOurs(dispatch.agentName));
  const wasOurs = call.agents.some(({ name }) => name !== undefined && isOurs(name));
  if (dispatches.length === 0 && !wasOurs && plan.caller.invitedAt === undefined) {
    return 'not_ours';
  }

  if (isComing(call, dispatches, plan, new Date())) return 'coming';

  const step: Step = { ...plan, fallback, room, identity: caller.identity, isCompany };
  if (!(await claim(deps, call, step))) return 'elsewhere';
  log.warn({ callId: call.id, step: plan.step, reason: plan.reason }, 'a caller has no agent');
  deps.onStep?.(plan.step, plan.reason);
  try {
    for (const ghost of ghosts) await removeAgent(deps, call, room, ghost, 'agent_lost');
    // An agent that comes late must not meet the one that is sent for now.
    await Promise.all(dispatches.map(({ id }) => livekit.deleteDispatch(room.name, id)));
    await take(deps, call, step, dispatches[0]?.metadata);
  } catch (error) {
    log.warn({ err: error, callId: call.id, step: plan.step }, 'a step for the caller failed');
    await recordStep(deps, call, plan.caller, `${plan.id}:failed`, {
      type: 'rescue.failed',
      data: { reason: plan.reason, agents: plan.agents, detail: (error as Error).message },
    });
  }
  return 'taken';

  /** Whoever speaks with the caller: an agent that we have not heard of, another leg, a person. */
  function isCompany(one: LiveKitParticipant): boolean {
    return !isLeg(plan.caller, one) && !isGhost(call, one) && speaks(one);
  }
}

/** Removes the call's agents where nobody speaks with them any more, and the room. */
export async function clearRoom(deps: RescueDeps, call: Call): Promise<void> {
  const { livekit, log } = deps;
  const room = await roomOf(deps, call);
  if (room === undefined) return;
  const people = await livekit.participants(room.name);
  const isLeft = (one: LiveKitParticipant) => call.agents.some((agent) => isAgent(agent, one));
  const left = people.filter(isLeft);
  if (left.length === 0 || people.some((one) => one.kind !== 'AGENT' && speaks(one))) return;
  for (const agent of left) await removeAgent(deps, call, room, agent, 'caller_gone');
  await livekit.deleteRoom(room, (one) => isLeft(one) || !speaks(one));
  log.info({ callId: call.id }, 'an agent was left behind by its caller');
}

/**
 * The room of the call's name, which need not be the one that the record knows: after a failure of
 * LiveKit's the caller is in another of the same name. Who is in it says whether it is theirs.
 */
async function roomOf({ livekit }: RescueDeps, { room }: Call): Promise<LiveKitRoom | undefined> {
  if (room?.name === undefined) return undefined;
  // The record of an erased caller does not have the name any more; LiveKit has.
  if (room.name !== ERASED) return (await livekit.rooms(room.name))[0];
  return (await livekit.rooms()).find(({ sid }) => sid === room.sid);
}

interface Step extends RescuePlan {
  readonly fallback: Fallback | undefined;
  readonly room: LiveKitRoom;
  /** The caller's. */
  readonly identity: string;
  readonly isCompany: (one: LiveKitParticipant) => boolean;
}

/** True for the one that may take the step. */
function claim(deps: RescueDeps, call: Call, step: Step): Promise<boolean> {
  const { id, caller, reason, agents, fallback } = step;
  return recordStep(deps, call, caller, id, bodyOf());

  function bodyOf(): RescueBody {
    const data = { reason, agents };
    switch (step.step) {
      case 'dispatch':
        return { type: 'rescue.dispatched', data: { ...data, agentName: deps.agentName } };
      case 'agent':
        return { type: 'rescue.fallback', data: { ...data, agentName: fallback?.agent ?? '' } };
      case 'number':
        return { type: 'rescue.fallback', data: { ...data, number: fallback?.number ?? '' } };
      case 'release':
        return { type: 'rescue.released', data };
      default:
        return step.step satisfies never;
    }
  }
}

async function take(
  deps: RescueDeps,
  call: Call,
  step: Step,
  metadata: string | undefined,
): Promise<void> {
  const { livekit, agentName } = deps;
  const { identity, fallback, reason, agents } = step;
  const room = step.room.name;
  switch (step.step) {
    case 'dispatch':
      return livekit.dispatch(room, agentName, resuming(call, metadata));
    case 'agent':
      return livekit.dispatch(room, fallback?.agent ?? '', resuming(call, metadata));
    case 'number':
      await livekit.transfer(room, identity, fallback?.number ?? '', TRANSFER_RINGING_SECONDS);
      await recordStep(deps, call, step.caller, `${step.id}:transferred`, {
        type: 'rescue.transferred',
        data: { reason, agents },
      });
      return;
    case 'release':
      if (await livekit.deleteRoom(step.room, (one) => !step.isCompany(one))) return;
      throw new Error('somebody is with the caller by now');
    default:
      return step.step satisfies never;
  }
}

async function removeAgent(
  deps: RescueDeps,
  call: Call,
  room: LiveKitRoom,
  { identity = '', sid = '' }: LiveKitParticipant,
  reason: 'agent_lost' | 'caller_gone',
): Promise<void> {
  await deps.livekit.removeParticipant(room.name, { identity, sid });
  const data = { reason, identity };
  const id = `removed:${call.room?.sid}:${identity}`;
  await recordStep(deps, call, call.legs[0], id, { type: 'rescue.removed', data });
}

type RescueEvent = Extract<CallEvent, { type: `rescue.${string}` }>;
type RescueBody = RescueEvent extends infer E
  ? E extends RescueEvent
    ? Pick<E, 'type' | 'data'>
    : never
  : never;

/** False when it was recorded already. */
async function recordStep(
  { ledger }: RescueDeps,
  call: Call,
  leg: Leg | undefined,
  id: string,
  body: RescueBody,
): Promise<boolean> {
  const { sipCallId, stays: [stay] = [] } = leg ?? {};
  const event: CallEvent = {
    id,
    source: 'reconciler',
    at: new Date().toISOString(),
    correlation: {
      ...(call.room?.sid !== undefined && { roomSid: call.room.sid }),
      ...(sipCallId !== undefined && { sipCallId }),
      ...(stay !== undefined && { participantSid: stay.participantSid }),
    },
    ...body,
  };
  const [recorded] = await ledger.record([event]);
  return recorded?.outcome !== 'duplicate';
}

/** An agent that was sent for is not cut off by the next one: a busy machine takes seconds. */
function isComing(
  call: Call,
  dispatches: readonly Dispatch[],
  { since }: RescuePlan,
  now: Date,
): boolean {
  if (now.getTime() - since > JOIN_MS) return false;
  const over = call.agents.flatMap(({ jobId, leftAt, endedAt }) =>
    (leftAt ?? endedAt) === undefined ? [] : (jobId ?? []),
  );
  return dispatches.some(({ jobs }) => jobs.some((job) => !over.includes(job)));
}

function isLeg({ sipCallId, stays }: Leg, person: LiveKitParticipant): boolean {
  if (!isCaller(person)) return false;
  const { sid, attributes } = person;
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
function speaks(person: LiveKitParticipant): boolean {
  return isCaller(person) || person.kind === 'AGENT' || person.isPublisher === true;
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
