import { isThere } from '../calls/agents.ts';
import type { Call, Leg, RescueStep } from '../calls/call.ts';
import { lastStay } from '../calls/legs.ts';
import type { EndReason } from '../calls/reports.ts';
import type { Fallback } from '../config/config.ts';
import { SILENCE_MS } from '../config/silence.ts';

/**
 * When a caller without an agent gets what, ms. The built-in endpoint apologises 8 s after an
 * INVITE that no agent has answered and 8 s after its agent has left: help comes before that.
 */
const WAIT_MS = {
  /** From the caller's coming: a dispatch takes about half a second. */
  neverCame: 3_000,
  /** The worker has said that the process is dead. */
  reportedLost: 0,
  /** The agent left and did not say why: its last report or the room's end may follow at once. */
  left: 1_500,
  /** The agent has ended the call, and the line is still open. */
  notHungUp: 5_000,
  /** After each step, to the next. */
  dispatch: 1_500,
  agent: 3_500,
  /** Somebody's telephone rings. */
  number: 40_000,
  /** LiveKit did not do it. */
  releaseAgain: 5_000,
  /** An ingress of ours hangs up by itself, with an apology; after this it must have failed to. */
  ownIngress: 15_000,
  /** After the caller, the agent has this long for its last words to the call service. */
  callerGone: 20_000,
} as const;

/**
 * For how long an agent is sent for, again and again, because a worker that is started again may be
 * ready any moment; ms from the first dispatch. Who never had an agent is released within 10 s of
 * their coming.
 */
const WINDOW_MS = { no_agent: 6_500, agent_lost: SILENCE_MS } as const;

/** An agent that dies again and again is not sent for without end. */
const MAX_AGENTS = 8;

/** What an agent reports of itself when it could not help it. */
const LOSSES: readonly (EndReason | undefined)[] = ['agent_lost', 'no_agent', 'service_lost'];

export interface RescuePlan {
  readonly step: RescueStep['step'];
  readonly reason: 'no_agent' | 'agent_lost';
  /** Epoch, ms. */
  readonly dueAt: number;
  /** When an agent was sent for last, or the caller came, or was lost. Epoch, ms. */
  readonly since: number;
  /** The same whoever makes the plan, so that several call services take one step. */
  readonly id: string;
  /** Jobs that the call has had. */
  readonly agents: number;
  readonly caller: Leg;
}

/**
 * What comes next for the caller, by the record alone; undefined while there is nothing to do.
 * Nobody is rescued from a conversation: with an agent or a second leg on the line it is one.
 */
export function planRescue(call: Call, fallback: Fallback | undefined): RescuePlan | undefined {
  const living = call.legs.filter(isOnTheLine);
  const [caller] = living;
  if (caller === undefined || living.length > 1 || call.sealedAt !== undefined) return undefined;
  if (caller.direction === 'outbound' && caller.answeredAt === undefined) return undefined;
  if (call.ending?.reason === 'transferred') return undefined;
  if (call.agents.some(isThere)) return undefined;

  const taken = (call.rescue ?? []).filter(({ agents }) => agents === call.agents.length);
  const last = taken.at(-1);
  if (last?.step === 'release' && last.failed !== true) return undefined;
  const reason = call.agents.length === 0 ? 'no_agent' : 'agent_lost';
  const { start, first } = beginning(call, caller);
  const due = last === undefined ? first : Date.parse(last.at) + waitAfter(last);
  // From the first step on, which may be late: the call service may have been away.
  const begun = taken[0] === undefined ? due : Date.parse(taken[0].at);
  const until = begun + WINDOW_MS[reason];
  const step = isWanted(call) ? nextStep(taken, caller, fallback, due, until) : 'release';
  return {
    step,
    reason,
    dueAt: step === 'release' ? releaseAt(call, last, due, until) : due,
    since: last === undefined ? start : Date.parse(last.at),
    id: `rescue:${caller.key}:${call.agents.length}:${taken.length}`,
    agents: call.agents.length,
    caller,
  };
}

/** When what is left in the room may be cleared away: its caller has gone. Epoch, ms. */
export function planClearing(call: Call): number | undefined {
  const ends = call.legs.flatMap(({ endedAt }) => endedAt ?? []).sort();
  const last = ends.at(-1);
  if (last === undefined || ends.length < call.legs.length) return undefined;
  if (call.room?.sid === undefined || call.room.finishedAt !== undefined) return undefined;
  return Date.parse(last) + WAIT_MS.callerGone;
}

function isOnTheLine({ endedAt, stays }: Leg): boolean {
  return endedAt === undefined && stays.some(({ leftAt }) => leftAt === undefined);
}

/** Whether an agent is to talk with the caller, and not only to hang up on them. */
function isWanted(call: Call): boolean {
  if (call.agents.length >= MAX_AGENTS) return false;
  return call.endingAt === undefined || LOSSES.includes(call.ending?.reason);
}

function nextStep(
  taken: readonly RescueStep[],
  caller: Leg,
  fallback: Fallback | undefined,
  due: number,
  until: number,
): RescueStep['step'] {
  const isTaken = (wanted: RescueStep['step']) => taken.some(({ step }) => step === wanted);
  if (isTaken('number')) return 'release';
  if (taken.length >= 2) {
    if (fallback?.agent !== undefined && !isTaken('agent')) return 'agent';
    // Who has not been answered cannot be transferred (RFC 3515 asks for a dialog).
    if (fallback?.number !== undefined && caller.answeredAt !== undefined) return 'number';
  }
  return due + WAIT_MS.dispatch <= until ? 'dispatch' : 'release';
}

/** At the end of the time for which an agent was sent for, where one was. */
function releaseAt(call: Call, last: RescueStep | undefined, due: number, until: number): number {
  const own = call.ingress === 'livekit-sip' ? 0 : WAIT_MS.ownIngress;
  const sentFor = last?.step === 'dispatch' || last?.step === 'agent';
  return own + (sentFor ? Math.max(due, until) : due);
}

/** Since when the caller is alone, and when that has been for long enough. Epoch, ms. */
function beginning(call: Call, caller: Leg): { readonly start: number; readonly first: number } {
  const start = Date.parse(lastStay(caller)?.joinedAt ?? caller.invitedAt ?? call.startedAt);
  const lost = call.agents.map(({ leftAt, endedAt }) => {
    const at = Date.parse(earlier(leftAt, endedAt));
    return { start: at, first: at + waitFor(call, endedAt) };
  });
  const last = lost.toSorted((a, b) => b.first - a.first)[0];
  if (last !== undefined && last.first > start) return last;
  return { start, first: start + WAIT_MS.neverCame };
}

function waitFor(call: Call, endedAt: string | undefined): number {
  if (endedAt === undefined) return WAIT_MS.left;
  if (call.endingAt === undefined) return WAIT_MS.reportedLost;
  return LOSSES.includes(call.ending?.reason) ? WAIT_MS.left : WAIT_MS.notHungUp;
}

function waitAfter({ step, failed }: RescueStep): number {
  if (step === 'release') return WAIT_MS.releaseAgain;
  return failed === true && step === 'number' ? 0 : WAIT_MS[step];
}

function earlier(a: string | undefined, b: string | undefined): string {
  if (a === undefined || b === undefined) return a ?? b ?? '';
  return a < b ? a : b;
}
