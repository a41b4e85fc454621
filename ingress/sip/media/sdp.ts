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

/** A description of the caller's, read and agreed on. */
export interface Agreed {
  readonly sdp: SessionDescription;
  readonly negotiated: Negotiated;
}

/** Why a description cannot be agreed on, in the terms of RFC 3261 §20.43. */
export interface Incompatible {
  readonly warning: number;
  readonly text: string;
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
const PROTOCOL = 'RTP/AVP';
/** A connection by something else than the Internet, which the parser leaves out. */
const OTHER_NETWORK = /^c=(?!IN )/m;
const OUR_DTMF_PAYLOAD_TYPE = 101;
const DEFAULT_PTIME = 20;
const MIRRORED: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

/** Reads a description and agrees on it; the parameters are those of `negotiate`. */
export function agree(
  text: string,
  codecs: readonly string[],
  fallbackAddress: string,
): Agreed | Incompatible {
  const sdp = parseSdp(text);
  if (isIncompatible(sdp)) return sdp;
  const negotiated = negotiate(sdp, codecs, fallbackAddress);
  return isIncompatible(negotiated) ? negotiated : { sdp, negotiated };
}

/** A session description with at least one media line, or why it is none. */
export function parseSdp(text: string): SessionDescription | Incompatible {
  if (OTHER_NETWORK.test(text)) return { warning: 300, text: 'Internet addresses only' };
  try {
    const sdp = parse(text);
    if (sdp.origin && sdp.media.length > 0) return sdp;
  } catch {
    // It is none.
  }
  return { warning: 399, text: 'No session description to be read' };
}

export function isIncompatible(answer: object): answer is Incompatible {
  return 'warning' in answer;
}

export function warningHeader({ warning, text }: Incompatible): string {
  return `Warning: ${warning} trunkline "${text}"`;
}

export function newSessionId(): number {
  return randomInt(1, 2 ** 47);
}

/**
 * The codec, direction and packet time for a remote description, be it offer or answer.
 *
 * @param codecs ours in order of preference, e.g. `['PCMA', 'PCMU']`
 * @param fallbackAddress where to send when the description names a host: the signalling's source
 * @returns why not, where there is no audio that we can do (488)
 */
export function negotiate(
  sdp: SessionDescription,
  codecs: readonly string[],
  fallbackAddress: string,
): Negotiated | Incompatible {
  const media = chosenMedia(sdp, codecs);
  const choice = media && chooseCodec(media, codecs);
  if (!media || !choice) return whyNoMedia(sdp);
  const address = addressOf(sdp, media, fallbackAddress);
  if (typeof address !== 'string') return address;
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
  return openAudio(sdp).find(
    (media) => media.protocol === PROTOCOL && chooseCodec(media, codecs) !== undefined,
  );
}

/** Audio that is not switched off. */
function openAudio(sdp: SessionDescription): MediaDescription[] {
  return sdp.media.filter(({ type, port }) => type === 'audio' && port > 0 && port < 65_536);
}

/** What stands in the way of the audio that comes nearest. */
function whyNoMedia(sdp: SessionDescription): Incompatible {
  const audio = openAudio(sdp);
  if (audio.length === 0) return { warning: 304, text: 'No audio in it' };
  if (audio.some(({ protocol }) => protocol === PROTOCOL)) {
    return { warning: 305, text: 'PCMU or PCMA only' };
  }
  return { warning: 302, text: `${PROTOCOL} only` };
}

/** Where to send, in the network that the signalling came by. */
function addressOf(
  sdp: SessionDescription,
  media: MediaDescription,
  fallbackAddress: string,
): string | Incompatible {
  const { ip, version } = media.connection ??
    sdp.connection ?? { ip: sdp.origin.address, version: sdp.origin.ipVer };
  const named = ip.split('/')[0] ?? '';
  const ours = isIP(fallbackAddress);
  if ((isIP(named) || version) !== ours) {
    return { warning: 301, text: `IPv${ours} addresses only` };
  }
  if (isGroup(named)) return { warning: 330, text: 'No multicast' };
  return isIP(named) === 0 ? fallbackAddress : named;
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
  return { type: 'audio', port, protocol: PROTOCOL, payloads, rtp, fmtp, ptime, direction };
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
