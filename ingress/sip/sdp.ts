import { randomInt } from 'node:crypto';
import { isIP } from 'node:net';
import { parse, write } from 'sdp-transform';
import type { MediaDescription, SessionDescription } from 'sdp-transform';

export type Codec = 'PCMU' | 'PCMA';
export type Ptime = 10 | 20 | 30;
/** As seen from us: `recvonly` = the caller holds us, and hears nothing of ours. */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** What both sides agreed on (RFC 3264). */
export interface Negotiated {
  readonly remote: { readonly address: string; readonly port: number };
  readonly codec: Codec;
  readonly payloadType: number;
  /** RFC 4733; undefined: the caller does not do it. */
  readonly dtmfPayloadType: number | undefined;
  readonly ptime: Ptime;
  readonly direction: Direction;
}

/** Our half of the session: stays for the call, but for the version. */
export interface LocalMedia {
  readonly address: string;
  readonly port: number;
  readonly sessionId: number;
  readonly version: number;
}

/** RFC 3551 table 4 */
const STATIC_PAYLOAD_TYPES: Readonly<Record<Codec, number>> = { PCMU: 0, PCMA: 8 };
const OUR_DTMF_PAYLOAD_TYPE = 101;
const DEFAULT_PTIME = 20;
const MIRRORED: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

/** A session description with at least one media line; undefined for anything else. */
export function parseSdp(text: string): SessionDescription | undefined {
  try {
    const sdp = parse(text);
    return sdp.origin && sdp.media.length > 0 ? sdp : undefined;
  } catch {
    return undefined;
  }
}

export function newSessionId(): number {
  return randomInt(1, 2 ** 47);
}

/**
 * The codec, direction and packet time for a remote description, be it offer or answer.
 *
 * @param codecs ours in order of preference, e.g. `['PCMA', 'PCMU']`
 * @param fallbackAddress where to send when the description names a host: the signalling's source
 * @returns undefined when there is no audio that we can do: 488
 */
export function negotiate(
  sdp: SessionDescription,
  codecs: readonly string[],
  fallbackAddress: string,
): Negotiated | undefined {
  const media = chosenMedia(sdp, codecs);
  const choice = media && chooseCodec(media, codecs);
  if (!media || !choice) return undefined;
  const connection = media.connection ?? sdp.connection;
  const named = connection?.ip.split('/')[0] ?? sdp.origin.address;
  const address = isIP(named) === 0 ? fallbackAddress : named;
  if (isIP(address) !== isIP(fallbackAddress) || isGroup(address)) return undefined;
  return {
    remote: { address, port: media.port },
    ...choice,
    dtmfPayloadType: payloadTypeOf(media, 'telephone-event'),
    ptime: choosePtime(media),
    direction: MIRRORED[directionOf(address, media.direction ?? sdp.direction ?? 'sendrecv')],
  };
}

/** The answer to an offer: its media lines in its order, all but the chosen one refused. */
export function writeAnswer(
  offer: SessionDescription,
  codecs: readonly string[],
  negotiated: Negotiated,
  local: LocalMedia,
): string {
  const chosen = chosenMedia(offer, codecs);
  const { codec, payloadType, dtmfPayloadType, ptime, direction } = negotiated;
  const answer = audio(local.port, [[payloadType, codec]], dtmfPayloadType, ptime, direction);
  const media = offer.media.map((line) => (line === chosen ? answer : refused(line)));
  return write(session(local, media));
}

/** Our own offer, for an INVITE or re-INVITE without one. */
export function writeOffer(codecs: readonly string[], local: LocalMedia): string {
  const list = ours(codecs).map((codec): [number, Codec] => [STATIC_PAYLOAD_TYPES[codec], codec]);
  const media = audio(local.port, list, OUR_DTMF_PAYLOAD_TYPE, DEFAULT_PTIME, 'sendrecv');
  return write(session(local, [media]));
}

function ours(codecs: readonly string[]): Codec[] {
  return codecs
    .map((codec) => codec.toUpperCase())
    .filter((codec): codec is Codec => codec === 'PCMU' || codec === 'PCMA');
}

function chosenMedia(
  sdp: SessionDescription,
  codecs: readonly string[],
): MediaDescription | undefined {
  return sdp.media.find(
    (media) =>
      media.type === 'audio' &&
      media.port > 0 &&
      media.port < 65_536 &&
      media.protocol === 'RTP/AVP' &&
      chooseCodec(media, codecs) !== undefined,
  );
}

function chooseCodec(
  media: MediaDescription,
  codecs: readonly string[],
): { codec: Codec; payloadType: number } | undefined {
  for (const codec of ours(codecs)) {
    const payloadType = payloadTypeOf(media, codec);
    if (payloadType !== undefined) return { codec, payloadType };
  }
  return undefined;
}

/** By rtpmap, else by the static number. */
function payloadTypeOf(
  media: MediaDescription,
  name: Codec | 'telephone-event',
): number | undefined {
  // A single payload type comes as a number, whatever the types say.
  const listed = `${media.payloads}`.split(' ').map(Number);
  const mapped = media.rtp.find(
    ({ codec, rate, payload }) =>
      codec.toLowerCase() === name.toLowerCase() && rate === 8000 && listed.includes(payload),
  );
  if (mapped) return mapped.payload;
  if (name === 'telephone-event') return undefined;
  const fixed = STATIC_PAYLOAD_TYPES[name];
  const taken = media.rtp.some(({ payload }) => payload === fixed);
  return !taken && listed.includes(fixed) ? fixed : undefined;
}

function choosePtime({ ptime = DEFAULT_PTIME, maxptime = Infinity }: MediaDescription): Ptime {
  const wanted = Math.min(ptime, maxptime);
  if (wanted === 10 || wanted === 30) return wanted;
  return maxptime < DEFAULT_PTIME ? 10 : DEFAULT_PTIME;
}

/** RFC 3264 §8.4: hold as RFC 2543 knew it: nothing is to be sent to the address 0.0.0.0. */
function directionOf(address: string, said: Direction): Direction {
  if (address !== '0.0.0.0' && address !== '::') return said;
  return said === 'sendrecv' || said === 'sendonly' ? 'sendonly' : 'inactive';
}

/** Multicast and broadcast: never a caller's phone. */
function isGroup(address: string): boolean {
  const first = Number(address.split('.')[0]);
  return (first >= 224 && first <= 255) || /^ff/i.test(address);
}

function audio(
  port: number,
  codecs: readonly (readonly [payloadType: number, codec: Codec])[],
  dtmfPayloadType: number | undefined,
  ptime: Ptime,
  direction: Direction,
): MediaDescription {
  const rtp = codecs.map(([payload, codec]) => ({ payload, codec: codec as string, rate: 8000 }));
  const fmtp = [];
  if (dtmfPayloadType !== undefined) {
    rtp.push({ payload: dtmfPayloadType, codec: 'telephone-event', rate: 8000 });
    fmtp.push({ payload: dtmfPayloadType, config: '0-15' });
  }
  const payloads = rtp.map(({ payload }) => payload).join(' ');
  return { type: 'audio', port, protocol: 'RTP/AVP', payloads, rtp, fmtp, ptime, direction };
}

/** RFC 3264 §6: refused by port 0, everything else as offered. */
function refused({ type, protocol, payloads = '0' }: MediaDescription): MediaDescription {
  return { type, port: 0, protocol, payloads, rtp: [], fmtp: [] };
}

function session(local: LocalMedia, media: MediaDescription[]): SessionDescription {
  const version = isIP(local.address) === 6 ? 6 : 4;
  return {
    version: 0,
    origin: {
      username: '-',
      sessionId: local.sessionId,
      sessionVersion: local.version,
      netType: 'IN',
      ipVer: version,
      address: local.address,
    },
    name: 'trunkline',
    connection: { version, ip: local.address },
    timing: { start: 0, stop: 0 },
    media,
  };
}
