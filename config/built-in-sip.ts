import type { TrunkFile } from './trunk-file.ts';

interface Unsupported {
  /** In `sip-trunk.json`. */
  readonly path: readonly string[];
  /** What would be right. */
  readonly message: string;
}

const SRTP =
  'asks for SRTP, which the built-in SIP endpoint does not speak: leave it out, or let livekit-sip take the calls (docs/production.md).';
const LEAVE_OUT =
  'is for livekit-sip, the built-in SIP endpoint does not do it: leave it out, or let livekit-sip take the calls (docs/production.md).';

/** What a trunk's file asks of livekit-sip and the built-in endpoint would not do. */
export function unsupported({ trunk }: TrunkFile): Unsupported[] {
  const { media = {} } = trunk;
  const found: [path: string, isAsked: boolean, message: string][] = [
    ['media_encryption', isOn(trunk.media_encryption), SRTP],
    ['media.encryption', isOn(media.encryption), SRTP],
    ['media.only_listed_codecs', media.only_listed_codecs === true, CODECS],
    ['media.codecs', (media.codecs ?? []).length > 0, CODECS],
    ['media.media_timeout', media.media_timeout !== undefined, TIMEOUT],
    ['headers', !isEmpty(trunk.headers), LEAVE_OUT],
    ['attributes_to_headers', !isEmpty(trunk.attributes_to_headers), LEAVE_OUT],
    ['include_headers', (trunk.include_headers ?? NONE) !== NONE, HEADERS],
    ['krisp_enabled', trunk.krisp_enabled === true, LEAVE_OUT],
  ];
  return found
    .filter(([, isAsked]) => isAsked)
    .map(([path, , message]) => ({ path: ['trunk', ...path.split('.')], message }));
}

const CODECS =
  'is for livekit-sip: for the built-in SIP endpoint trunk.codecs of lines.yaml says what is spoken; leave it out.';
const TIMEOUT =
  'is for livekit-sip: for the built-in SIP endpoint it is TRUNKLINE_SIP_MEDIA_TIMEOUT_MS; leave it out.';
const HEADERS =
  'is for livekit-sip: for the built-in SIP endpoint name the headers in headers_to_attributes; leave it out.';
const NONE = 'SIP_NO_HEADERS';

function isOn(encryption: string | undefined): boolean {
  return encryption !== undefined && encryption !== 'SIP_MEDIA_ENCRYPT_DISABLE';
}

function isEmpty(map: Readonly<Record<string, string>> = {}): boolean {
  return Object.keys(map).length === 0;
}
