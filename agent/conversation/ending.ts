import { DisconnectReason } from '@livekit/rtc-node';
import type { EndReason, EndedBy } from '../../calls/reports.ts';
import type { Phrases } from '../speech/phrases.ts';

/** Why a job ends; the first one wins. */
export interface Ending {
  readonly endedBy: EndedBy;
  readonly endReason: EndReason;
  readonly detail?: string;
  /** When the caller left, no audio had come from them for so long. */
  readonly callerSilentMs?: number;
  /** Said to the caller before the agent hangs up. */
  readonly farewell?: keyof Phrases;
}

/** The agent's own connection to the room ended. */
export function fromRoomDisconnect(reason: DisconnectReason): Ending {
  switch (reason) {
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return { endedBy: 'operator', endReason: 'room_deleted', detail: name(reason) };
    case DisconnectReason.PARTICIPANT_REMOVED:
      // The call may go on, with another agent.
      return { endedBy: 'system', endReason: 'agent_lost', detail: name(reason) };
    default:
      return { endedBy: 'system', endReason: 'service_lost', detail: name(reason) };
  }
}

/**
 * The caller left the room. livekit-sip leaves `sip.callStatus` at `active` when the media stopped
 * without a BYE, and sets it to `hangup` after one (measured; shared traces).
 */
export function fromCallerLeft(
  reason: DisconnectReason | undefined,
  callStatus: string | undefined,
): Ending {
  const detail = reason === undefined ? 'unknown' : name(reason);
  switch (reason) {
    case DisconnectReason.ROOM_DELETED:
      return { endedBy: 'operator', endReason: 'room_deleted', detail };
    case DisconnectReason.PARTICIPANT_REMOVED:
      return { endedBy: 'operator', endReason: 'operator_hangup', detail };
    case DisconnectReason.USER_REJECTED:
      return { endedBy: 'caller', endReason: 'rejected', detail };
    case DisconnectReason.USER_UNAVAILABLE:
      return { endedBy: 'carrier', endReason: 'no_answer', detail };
    case DisconnectReason.SIP_TRUNK_FAILURE:
      return { endedBy: 'carrier', endReason: 'trunk_failure', detail };
    // The process that held the call is gone, or its way to LiveKit.
    case DisconnectReason.STATE_MISMATCH:
    case DisconnectReason.JOIN_FAILURE:
    case DisconnectReason.SIGNAL_CLOSE:
    case DisconnectReason.CONNECTION_TIMEOUT:
    case DisconnectReason.SERVER_SHUTDOWN:
      return { endedBy: 'system', endReason: 'service_lost', detail };
    default:
      if (callStatus === 'active') {
        return { endedBy: 'carrier', endReason: 'media_timeout', detail };
      }
      if (callStatus === 'ringing' || callStatus === 'dialing') {
        return { endedBy: 'caller', endReason: 'cancelled', detail };
      }
      return { endedBy: 'caller', endReason: 'caller_hangup', detail };
  }
}

/** Neither the room nor the caller is the agent's any more. */
export function isOutOfTheRoom({ endReason }: Ending): boolean {
  return endReason === 'room_deleted' || endReason === 'service_lost' || endReason === 'agent_lost';
}

/** The job could not go on. `AbortSignal.timeout` throws TimeoutError: nobody came or answered. */
export function fromFailure(error: Error, isConnected: boolean): Ending {
  const detail = error.message;
  if (!isConnected) return { endedBy: 'system', endReason: 'service_lost', detail };
  if (error.name === 'TimeoutError') return { endedBy: 'system', endReason: 'no_answer', detail };
  return { endedBy: 'system', endReason: 'unknown', detail, farewell: 'trouble' };
}

function name(reason: DisconnectReason): string {
  return DisconnectReason[reason] ?? String(reason);
}
