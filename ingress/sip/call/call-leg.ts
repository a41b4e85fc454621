import type { Logger } from 'pino';

/** What a call needs of its participant in the room; `RoomLeg` is one. */
export interface CallLeg {
  readonly roomSid: string;
  readonly participantSid: string;
  /** Caller's audio: 8 kHz mono. */
  write(pcm: Int16Array): void;
  setStatus(status: 'ringing' | 'active' | 'hangup'): Promise<void>;
  /** A digit the caller pressed. */
  sendDtmf(digit: string): void;
  close(options?: { deleteRoom?: boolean }): Promise<void>;
  /** An agent's audio track is live and subscribed. */
  on(event: 'agentReady' | 'agentGone' | 'agentBack', listener: () => void): unknown;
  on(event: 'audio', listener: (pcm: Int16Array) => void): unknown;
  /** A digit the agent wants sent. */
  on(event: 'dtmf', listener: (digit: string) => void): unknown;
  on(event: 'closed', listener: (reason: LegClosed) => void): unknown;
}

export type LegClosed = 'room_deleted' | 'participant_removed' | 'connection_lost';

export interface CallLegOptions {
  readonly livekit: { readonly url: string; readonly apiKey: string; readonly apiSecret: string };
  readonly agentName: string;
  readonly roomName: string;
  readonly identity: string;
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly dispatchMetadata: string;
  readonly log: Logger;
}

export type OpenLeg = (options: CallLegOptions, signal: AbortSignal) => Promise<CallLeg>;
