import { ulid } from 'ulid';
import type { Line, Trunk } from '../../../config/config.ts';
import type { SipMessage } from '../signalling/message.ts';
import { headerValue } from '../signalling/message.ts';
import type { SipRequest } from '../signalling/request.ts';

/** LiveKit takes 64 kB of attributes; a header's value is the caller's to choose. */
const MAX_ATTRIBUTE_LENGTH = 512;

/** Names under which one call is known to the room, the agent and the call service. */
export interface CallIdentity {
  /** `SCL_…`; `sip.callID` of the participant. */
  readonly sipCallId: string;
  /** Call-ID header. */
  readonly sipCallIdFull: string;
  readonly from: string;
  /** The called number: E.164, or as dialled; undefined: unknown. */
  readonly to: string | undefined;
  readonly line: Line;
  readonly roomName: string;
  /** Of the participant. */
  readonly identity: string;
  readonly name: string;
  readonly attributes: Record<string, string>;
  /** JSON for the agent's job. */
  readonly dispatchMetadata: string;
}

export interface IdentityInput {
  readonly request: SipRequest;
  readonly from: string;
  readonly to: string | undefined;
  readonly line: Line;
  readonly trunk: Trunk;
}

/** The participant contract that livekit-sip keeps too (its `participant.go`, `HeadersToAttrs`). */
export function identify({ request, from, to, line, trunk }: IdentityInput): CallIdentity {
  const sipCallId = `SCL_${ulid()}`;
  const sipCallIdFull = utf8(request.callId);
  return {
    sipCallId,
    sipCallIdFull,
    from,
    to,
    line,
    roomName: `call-_${from}_${sipCallId.slice(-12)}`,
    identity: `sip_${from}`,
    name: `Phone ${from}`,
    attributes: {
      ...mappedHeaders(request.message, trunk),
      'sip.callID': sipCallId,
      'sip.callIDFull': sipCallIdFull.slice(0, MAX_ATTRIBUTE_LENGTH),
      'sip.callTag': utf8(request.fromTag ?? '').slice(0, MAX_ATTRIBUTE_LENGTH),
      'sip.trunkID': trunk.name,
      'sip.ruleID': line.name,
      'sip.phoneNumber': from,
      ...(to !== undefined && { 'sip.trunkPhoneNumber': to }),
      'sip.hostname': request.requestUri.host,
      'sip.callStatus': 'ringing',
      'trunkline.ingress': 'sip',
    },
    dispatchMetadata: JSON.stringify({ line: line.name, called: to }),
  };
}

function mappedHeaders(message: SipMessage, trunk: Trunk): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [header, attribute] of Object.entries(trunk.headersToAttributes)) {
    const value = headerValue(message, header.toLowerCase());
    if (value !== undefined) attributes[attribute] = utf8(value).slice(0, MAX_ATTRIBUTE_LENGTH);
  }
  return attributes;
}

/** Messages are read a byte a character; what leaves SIP is text. */
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}
