import { ParticipantKind, RoomEvent } from '@livekit/rtc-node';
import type { Participant, RemoteParticipant, Room } from '@livekit/rtc-node';
import { GREETED } from '../../calls/greeted.ts';
import type { CallerMet } from '../../calls/reports.ts';
import { INGRESS } from '../../livekit/livekit-webhook.ts';
import { toE164 } from '../../config/e164.ts';
import { findLine } from '../../config/config.ts';
import type { Config, Line } from '../../config/config.ts';
import { z } from 'zod';

/** What a dispatch may say: `lk dispatch create --metadata '{"line": "restaurant"}'`. */
const DispatchMetadata = z.object({
  line: z.string().optional(),
  called: z.string().optional(),
  /** The caller has spoken with an agent already, whose process died (reconciler/rescue.ts). */
  resumed: z.boolean().optional(),
});

/**
 * Until the phone call is answered: what is said before the 200 OK nobody hears. Both livekit-sip
 * and the built-in endpoint set `sip.callStatus` to `active` then.
 */
export async function waitForAnswer(
  room: Room,
  caller: RemoteParticipant,
  signal: AbortSignal,
): Promise<void> {
  const isAnswered = (): boolean => {
    // Who has come back is another object.
    const now = room.remoteParticipants.get(caller.identity) ?? caller;
    if (now.info.kind !== ParticipantKind.SIP || callStatus(now) === 'active') return true;
    // livekit-sip forgets that it has answered when it loses LiveKit and comes back.
    return now.attributes[GREETED] !== undefined;
  };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const check = () => isAnswered() && resolve();
  const abort = () => reject(signal.reason as Error);
  const events = [RoomEvent.ParticipantAttributesChanged, RoomEvent.ParticipantConnected] as const;
  for (const event of events) room.on(event, check);
  signal.addEventListener('abort', abort);
  try {
    signal.throwIfAborted();
    check();
    await promise;
  } finally {
    for (const event of events) room.off(event, check);
    signal.removeEventListener('abort', abort);
  }
}

/** What the call service must know of the caller when LiveKit's webhooks do not reach it. */
export function meetingWith({
  identity,
  info,
  attributes,
}: Pick<Participant, 'identity' | 'info' | 'attributes'>): CallerMet | undefined {
  if (!isOnThePhone({ info, attributes })) return undefined;
  const joinedAtMs = Number(info.joinedAt ?? 0);
  const isBrowser = attributes[INGRESS] === 'browser';
  const names = isBrowser ? /^(?:line|trunkline\.ingress)$/ : /^(?:sip\.|line$)/;
  const known = Object.entries(attributes).filter(([key]) => names.test(key));
  return { identity, ...(joinedAtMs && { joinedAtMs }), attributes: Object.fromEntries(known) };
}

/** livekit-sip's callers, and those of every way in of ours, a browser's too. */
export function isOnThePhone({
  info,
  attributes,
}: Pick<RemoteParticipant, 'info' | 'attributes'>): boolean {
  return info.kind === ParticipantKind.SIP || attributes[INGRESS] === 'browser';
}

export function callStatus(participant: Participant): string | undefined {
  return participant.attributes['sip.callStatus'];
}

/** The line that a call is for: what the dispatch says, else the number that was dialled. */
export function chooseLine(
  config: Pick<Config, 'lines' | 'numbering'>,
  metadata: string,
  attributes: Readonly<Record<string, string>>,
): Line | undefined {
  const dispatch = parseMetadata(metadata);
  const named = config.lines.find(({ name }) => name === dispatch.line);
  if (named) return named;
  const { calledNumberAttribute, country } = config.numbering;
  const fromHeader = calledNumberAttribute && attributes[calledNumberAttribute];
  const dialled = dispatch.called ?? (fromHeader || (attributes['sip.trunkPhoneNumber'] ?? ''));
  return findLine(config.lines, toE164(dialled, { country }) ?? dialled);
}

/**
 * Whether livekit-sip let somebody in who matches no trunk, as it does where the dispatch rule names
 * none: nobody has asked then for what the trunk asks for, addresses or a password.
 */
export function cameByNoTrunk(attributes: Readonly<Record<string, string>>): boolean {
  const byRule = attributes['trunkline.ingress'] === 'livekit-sip' && attributes['sip.ruleID'];
  return Boolean(byRule) && !attributes['sip.trunkID'];
}

/** Whether livekit-sip has brought them: its trunks are `ST_…`, its dispatch rules `SDR_…`. */
export function cameByLivekitSip(attributes: Readonly<Record<string, string>>): boolean {
  const { 'sip.ruleID': rule = '', 'sip.trunkID': trunk = '' } = attributes;
  return rule.startsWith('SDR_') || trunk.startsWith('ST_');
}

/**
 * Whether the caller was in conversation with another agent just before. A rescue says so in its
 * dispatch; LiveKit, which sends the agent again into a room that it makes anew, does not.
 */
export function isResumed(metadata: string, attributes: Readonly<Record<string, string>>): boolean {
  return parseMetadata(metadata).resumed === true || attributes[GREETED] !== undefined;
}

function parseMetadata(metadata: string): z.infer<typeof DispatchMetadata> {
  try {
    return DispatchMetadata.parse(JSON.parse(metadata || '{}'));
  } catch {
    return {}; // another system's metadata: the dialled number decides
  }
}
