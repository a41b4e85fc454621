import type { Call } from '../../client/index.ts';
import type { Summary } from '../live/live-calls.ts';

const STATES: Readonly<Record<Call['state'], string>> = {
  initializing: 'beginning',
  ringing: 'ringing',
  connected: 'answered',
  in_progress: 'talking',
  ending: 'ending',
  ended: 'ended',
  failed: 'failed',
};

export function stateWord(state: Call['state']): string {
  return STATES[state];
}

export const REASONS: Readonly<Record<string, string>> = {
  caller_hangup: 'the caller hung up',
  agent_hangup: 'the agent hung up',
  operator_hangup: 'an operator hung up',
  transferred: 'handed over',
  no_agent: 'no agent came',
  busy: 'busy',
  no_answer: 'nobody answered',
  rejected: 'refused',
  cancelled: 'given up before the answer',
  trunk_failure: 'the trunk failed',
  media_timeout: 'no sound from the caller any more',
  max_duration: 'it reached its longest duration',
  idle: 'both were silent',
  voicemail: 'voicemail',
  agent_lost: 'the agent was lost',
  provider_failure: 'a provider failed',
  service_lost: 'a part of the service was lost',
  room_deleted: 'its room was deleted',
  unknown: 'unknown',
};

export function reasonWord(reason: string | undefined): string {
  return reason === undefined ? '' : (REASONS[reason] ?? reason);
}

export const INGRESSES: Readonly<Record<Call['ingress'], string>> = {
  'livekit-sip': 'livekit-sip',
  sip: 'SIP endpoint',
  browser: 'browser',
  room: 'by hand',
};

export function ingressWord(ingress: Call['ingress']): string {
  return INGRESSES[ingress];
}

/** Who talks with us. */
export function callerOf({ direction, from, to, ingress }: Summary): string {
  const theirs = direction === 'outbound' ? to : from;
  return theirs ?? (ingress === 'browser' ? 'browser' : 'unknown');
}

const two = (value: number) => String(value).padStart(2, '0');

/**
 * @example durationWord(65_000); // '1:05'
 */
export function durationWord(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function msWord(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

export function dayAndTime(at: string): string {
  return day.format(new Date(at));
}

export function timeOfDay(at: string): string {
  return clock.format(new Date(at));
}
