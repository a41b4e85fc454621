import { z } from 'zod';
import type { ProcessNotes } from '../../../reporting/process-notes.ts';

/**
 * What the caller has to be told when the process that holds the call is killed, ready to be sent by
 * the next one: a refusal while it rings, a BYE once it is answered. It names both ends of the call,
 * so it is kept no longer than the call lasts.
 */
export const LastWords = z.object({
  sipCallId: z.string(),
  roomName: z.string(),
  /** Empty: it is not entered yet. */
  roomSid: z.string(),
  /** Of the caller in the room. */
  identity: z.string(),
  /** A whole SIP message, a byte a character. */
  text: z.string(),
  /** Where it goes; `host` may be a name. */
  protocol: z.enum(['UDP', 'TCP']),
  host: z.string(),
  port: z.number(),
});
export type LastWords = z.infer<typeof LastWords>;

/** The message alone, and its way. */
export type Goodbye = Pick<LastWords, 'text' | 'protocol' | 'host' | 'port'>;

export type LastRoom = Pick<LastWords, 'roomName' | 'roomSid' | 'identity'>;

export type LastWordsStore = Pick<
  ProcessNotes<LastWords>,
  'write' | 'remove' | 'clear' | 'takeLost'
>;
