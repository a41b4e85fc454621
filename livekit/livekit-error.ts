import { ServerError, SipCallError } from 'livekit-server-sdk';
import type { EndReason } from '../calls/reports.ts';

/** LiveKit, or the trunk behind it, did not do it. */
export class LiveKitError extends Error {
  /** What the trunk answered; undefined where it was not asked. */
  readonly sipCode: number | undefined;
  readonly endReason: EndReason;

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.sipCode = cause instanceof SipCallError ? cause.sipStatusCode : undefined;
    this.endReason = endReasonOf(cause, this.sipCode);
  }
}

/** Rejects with `LiveKitError`. */
export async function told<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw new LiveKitError(error);
  }
}

/** Why nobody was reached (RFC 3261 §21). */
function endReasonOf(cause: unknown, sipCode: number | undefined): EndReason {
  switch (sipCode) {
    case undefined:
      return cause instanceof ServerError && cause.code === 'deadline_exceeded'
        ? 'no_answer'
        : 'trunk_failure';
    case 486:
    case 600:
      return 'busy';
    case 408:
    case 480:
      return 'no_answer';
    case 487:
      return 'cancelled';
    // Ours to put right: credentials of the trunk.
    case 401:
    case 407:
      return 'trunk_failure';
    default:
      return sipCode >= 500 && sipCode < 600 ? 'trunk_failure' : 'rejected';
  }
}
