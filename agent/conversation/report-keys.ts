import { RoomEvent } from '@livekit/rtc-node';
import type { RemoteParticipant, Room } from '@livekit/rtc-node';
import type { ReportBody } from '../../calls/reports.ts';
import type { Line } from '../../config/config.ts';
import { cameByLivekitSip } from './caller.ts';

/**
 * Reports the keys that a caller of livekit-sip presses: it tells the room of them and nobody else.
 * The built-in endpoint reports its own. Which key it was, only where the line records digits.
 */
export function reportKeys(
  room: Pick<Room, 'on'>,
  callerOf: () => Pick<RemoteParticipant, 'identity' | 'attributes'> | undefined,
  { recordDigits }: Pick<Line, 'recordDigits'>,
  report: (body: ReportBody) => void,
): void {
  room.on(RoomEvent.DtmfReceived, (_code, digit, participant) => {
    const caller = callerOf();
    // The SDK leaves the participant out of whom it does not know the identity.
    const sender = participant as RemoteParticipant | undefined;
    if (!caller || sender?.identity !== caller.identity) return;
    if (!cameByLivekitSip(caller.attributes)) return;
    report({ type: 'leg.dtmf', data: recordDigits ? { digit } : {} });
  });
}
