import { ParticipantKind, RoomEvent } from '@livekit/rtc-node';
import type { Participant, RemoteParticipant, Room } from '@livekit/rtc-node';
import type { CallerMet } from '../calls/reports.ts';
import { toE164 } from '../config/e164.ts';
import { findLine } from '../config/config.ts';
import type { Config, Line } from '../config/config.ts';
import { z } from 'zod';

/** A far end that is there has answered a BYE by then, ms. */
const BYE_ANSWER_MS = 3_000;

/** What a dispatch may say: `lk dispatch create --metadata '{"line": "restaurant"}'`. */
const DispatchMetadata = z.object({
  line: z.string().optional(),
  called: z.string().optional(),
  /** The caller has spoken with an agent already, whose process died (webhooks/rescue.ts). */
  resumed: z.boolean().optional(),
});

/** The first participant that is a person: a SIP leg, or a browser when dispatched by hand. */
export function waitForCaller(room: Room, signal: AbortSignal): Promise<RemoteParticipant> {
  return waitInRoom(room, signal, [RoomEvent.ParticipantConnected], () =>
    [...room.remoteParticipants.values()].find(
      ({ info }) => info.kind === ParticipantKind.SIP || info.kind === ParticipantKind.STANDARD,
    ),
  );
}

/**
 * Until the phone call is answered: what is said before the 200 OK nobody hears. Both livekit-sip
 * and the built-in endpoint set `sip.callStatus` to `active` then.
 */
export function waitForAnswer(
  room: Room,
  caller: RemoteParticipant,
  signal: AbortSignal,
): Promise<true> {
  const answered = (): true | undefined =>
    caller.info.kind !== ParticipantKind.SIP || callStatus(caller) === 'active' || undefined;
  return waitInRoom(room, signal, [RoomEvent.ParticipantAttributesChanged], answered);
}

/**
 * Tells when livekit-sip has given up a caller of whom it hears nothing any more. It sets
 * `sip.callStatus` to `hangup` then, as it does when the caller hangs up; but who has hung up leaves
 * at once, and now it waits 32 s for the answer to a BYE of its own (RFC 3261 timer F).
 */
export function watchForVanishing(
  room: Room,
  caller: RemoteParticipant,
  signal: AbortSignal,
  onVanished: () => void,
): void {
  let timer: NodeJS.Timeout | undefined;
  const check = () => {
    if (callStatus(caller) === 'hangup') timer ??= setTimeout(onVanished, BYE_ANSWER_MS);
  };
  const stop = () => {
    clearTimeout(timer);
    room.off(RoomEvent.ParticipantAttributesChanged, check);
  };
  room.on(RoomEvent.ParticipantAttributesChanged, check);
  signal.addEventListener('abort', stop, { once: true });
}

/** What the call service must know of the caller when LiveKit's webhooks do not reach it. */
export function meetingWith({
  identity,
  info,
  attributes,
}: Pick<Participant, 'identity' | 'info' | 'attributes'>): CallerMet | undefined {
  if (info.kind !== ParticipantKind.SIP) return undefined;
  const joinedAtMs = Number(info.joinedAt ?? 0);
  const known = Object.entries(attributes).filter(([key]) => /^(?:sip\.|line$)/.test(key));
  return { identity, ...(joinedAtMs && { joinedAtMs }), attributes: Object.fromEntries(known) };
}

export function callStatus(participant: Participant): string | undefined {
  return participant.attributes['sip.callStatus'];
}

/** The line that a call is for: what the dispatch says, else the number that was dialled. */
export function chooseLine(
  config: Config,
  metadata: string,
  attributes: Readonly<Record<string, string>>,
): Line | undefined {
  const dispatch = parseMetadata(metadata);
  const named = config.lines.find(({ name }) => name === dispatch.line);
  if (named) return named;
  const { calledNumberAttribute, country } = config.sip.trunk;
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

/** Whether the caller was in conversation with another agent just before. */
export function isResumed(metadata: string): boolean {
  return parseMetadata(metadata).resumed === true;
}

function parseMetadata(metadata: string): z.infer<typeof DispatchMetadata> {
  try {
    return DispatchMetadata.parse(JSON.parse(metadata || '{}'));
  } catch {
    return {}; // another system's metadata: the dialled number decides
  }
}

/** @throws the signal's reason when it is aborted first. */
function waitInRoom<T>(
  room: Room,
  signal: AbortSignal,
  events: (RoomEvent.ParticipantConnected | RoomEvent.ParticipantAttributesChanged)[],
  find: () => T | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const check = () => {
      const found = find();
      if (found === undefined) return;
      stop();
      resolve(found);
    };
    const abort = () => {
      stop();
      reject(signal.reason as Error);
    };
    const stop = () => {
      for (const event of events) room.off(event, check);
      signal.removeEventListener('abort', abort);
    };
    for (const event of events) room.on(event, check);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    else check();
  });
}
