import {
  ConnectionState,
  DisconnectReason,
  ParticipantKind,
  RoomEvent,
  TrackKind,
} from '@livekit/rtc-node';
import type { RemoteParticipant, Room } from '@livekit/rtc-node';
import { LISTENER, ROLE } from '../../livekit/livekit-webhook.ts';
import { callStatus, isOnThePhone } from './caller.ts';
import { fromCallerLeft } from './ending.ts';
import type { Ending } from './ending.ts';

/** A far end that is there has answered a BYE by then, ms. */
const BYE_ANSWER_MS = 3_000;
/** Callers whose LiveKit node died were back after 5 to 16 s (measured). */
const RETURN_MS = 20_000;
/** Who says nothing may only be listening in: a caller by telephone has this long to come, ms. */
const LISTENER_MS = 3_000;

export interface CallerEvents {
  /** Somebody to talk with; a second time when a telephone takes the place of a browser. */
  onMet(caller: RemoteParticipant): void;
  /** They had been lost, we or they, and are here again, as another participant. */
  onBack(caller: RemoteParticipant): void;
  /** Nobody else's leaving is the end. */
  onLeft(ending: Ending): void;
}

/**
 * The caller is who is on the telephone. A person with a browser is one only as long as there is
 * nobody else: they may be listening in.
 *
 * @param isPatient nobody by telephone has come for a while
 */
function pickCaller(
  people: Iterable<RemoteParticipant>,
  isPatient: boolean,
): RemoteParticipant | undefined {
  const all = [...people];
  const persons = all.filter(
    (one) => one.info.kind === ParticipantKind.STANDARD && !isListener(one),
  );
  return all.find(isOnThePhone) ?? persons.find(speaks) ?? (isPatient ? persons[0] : undefined);
}

/** Follows the caller until the signal is aborted, whoever else comes and goes. */
export function followCaller(room: Room, events: CallerEvents, signal: AbortSignal): void {
  let caller: RemoteParticipant | undefined;
  let isAway = false;
  let isPatient = false;
  let vanishing: NodeJS.Timeout | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  const patience = setTimeout(() => {
    isPatient = true;
    look();
  }, LISTENER_MS);

  function look(): void {
    if (isAway && ![...room.remoteParticipants.values()].some(isNewOnThePhone)) {
      return welcomeBack();
    }
    if (caller !== undefined && isOnThePhone(caller)) return;
    const picked = pickCaller(room.remoteParticipants.values(), isPatient);
    if (picked === undefined || (caller !== undefined && !isOnThePhone(picked))) return;
    caller = picked;
    isAway = false;
    clearTimeout(giveUp);
    checkStatus();
    events.onMet(picked);
  }

  /** Somebody by telephone, while a person with a browser was the caller. */
  function isNewOnThePhone(one: RemoteParticipant): boolean {
    return isOnThePhone(one) && caller !== undefined && !isOnThePhone(caller);
  }

  function welcomeBack(): void {
    const back = [...room.remoteParticipants.values()].find((one) => isSame(one, caller));
    if (back === undefined) return;
    caller = back;
    isAway = false;
    clearTimeout(giveUp);
    checkStatus();
    events.onBack(back);
  }

  function onDisconnected(gone: RemoteParticipant): void {
    if (caller === undefined || isAway || gone.identity !== caller.identity) return;
    // While our own connection is away everybody seems to leave. A caller who has come back under
    // the same identity has replaced what was left of them.
    const isOurLoss = room.connectionState !== ConnectionState.CONN_CONNECTED;
    if (!isOurLoss && gone.disconnectReason !== DisconnectReason.DUPLICATE_IDENTITY) {
      return events.onLeft(fromCallerLeft(gone.disconnectReason, callStatus(gone)));
    }
    isAway = true;
    clearTimeout(vanishing);
    vanishing = undefined;
    giveUp = setTimeout(() => events.onLeft(NOT_BACK), RETURN_MS);
    look();
  }

  /**
   * livekit-sip sets `sip.callStatus` to `hangup` when the caller hangs up, and leaves at once; and
   * when it hears nothing of them any more: then it waits 32 s for the answer to a BYE of its own
   * (RFC 3261 timer F).
   */
  function checkStatus(): void {
    if (isAway || caller === undefined || callStatus(caller) !== 'hangup') return;
    vanishing ??= setTimeout(() => events.onLeft(VANISHED), BYE_ANSWER_MS);
  }

  const looks = [
    RoomEvent.ParticipantConnected,
    RoomEvent.TrackPublished,
    RoomEvent.Reconnected,
  ] as const;
  for (const event of looks) room.on(event, look);
  room.on(RoomEvent.ParticipantDisconnected, onDisconnected);
  room.on(RoomEvent.ParticipantAttributesChanged, checkStatus);
  signal.addEventListener('abort', () => {
    for (const timer of [patience, vanishing, giveUp]) clearTimeout(timer);
    for (const event of looks) room.off(event, look);
    room.off(RoomEvent.ParticipantDisconnected, onDisconnected);
    room.off(RoomEvent.ParticipantAttributesChanged, checkStatus);
  });
  look();
}

const VANISHED: Ending = {
  endedBy: 'carrier',
  endReason: 'media_timeout',
  detail: 'BYE unanswered',
};
const NOT_BACK: Ending = {
  endedBy: 'system',
  endReason: 'service_lost',
  detail: 'the caller did not come back',
};

/** One of ours, whom the token says it of: never the caller, whatever they publish. */
function isListener({ attributes }: RemoteParticipant): boolean {
  return attributes[ROLE] === LISTENER;
}

function speaks({ trackPublications }: RemoteParticipant): boolean {
  return [...trackPublications.values()].some(({ kind }) => kind === TrackKind.KIND_AUDIO);
}

/** Who calls again has the same identity in a call of its own. */
function isSame(one: RemoteParticipant, caller: RemoteParticipant | undefined): boolean {
  return (
    one.identity === caller?.identity &&
    one.attributes['sip.callID'] === caller.attributes['sip.callID']
  );
}
