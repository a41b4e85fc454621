/** What differs between the providers of SIP trunks: docs/configuration.md, "Trunk profiles". */
export interface TrunkProfile {
  readonly title: string;
  /** Header of the INVITE that carries the dialled number; undefined: the Request-URI does. */
  readonly calledNumberHeader: string | undefined;
  /** ISO 3166 country whose national format the trunk may send; undefined: international only. */
  readonly country: string | undefined;
  /** SDP encoding names in order of preference: A-law first outside North America and Japan. */
  readonly codecs: readonly string[];
  /** INVITE header -> participant attribute, beside those that `sip-trunk.json` names. */
  readonly headersToAttributes: Readonly<Record<string, string>>;
  /** How the trunk proves that an INVITE is its own. */
  readonly authentication: 'address' | 'digest' | 'either';
  /** Whether the provider takes a REFER for a transfer: `ask` = only once it was switched on. */
  readonly refer: 'yes' | 'no' | 'ask';
  /** The provider sends calls only to who registers: put a PBX in front. */
  readonly needsRegistration: boolean;
}

const A_LAW_FIRST = ['PCMA', 'PCMU'] as const;
const MU_LAW_FIRST = ['PCMU', 'PCMA'] as const;

const generic: TrunkProfile = {
  title: 'Any other trunk',
  calledNumberHeader: undefined,
  country: undefined,
  codecs: A_LAW_FIRST,
  headersToAttributes: {},
  authentication: 'either',
  refer: 'ask',
  needsRegistration: false,
};

/**
 * The Request-URI and To carry the account's number; the dialled one is in CALLED_DID, without a
 * plus sign (seen in INVITEs of this network).
 */
const zadarma: TrunkProfile = {
  ...generic,
  title: 'Zadarma',
  calledNumberHeader: 'CALLED_DID',
  headersToAttributes: { CALLED_DID: 'sip.h.called_did' },
  authentication: 'address',
  refer: 'ask',
};

export const trunkProfiles = {
  /** The former Russian part of Zadarma's network. */
  novofon: { ...zadarma, title: 'Novofon', country: 'RU' },
  zadarma,
  twilio: {
    ...generic,
    title: 'Twilio Elastic SIP Trunking',
    codecs: MU_LAW_FIRST,
    headersToAttributes: { 'X-Twilio-CallSid': 'sip.h.x-twilio-callsid' },
    authentication: 'address',
  },
  ringcentral: {
    ...generic,
    title: 'RingCentral',
    country: 'US',
    codecs: MU_LAW_FIRST,
    authentication: 'digest',
    needsRegistration: true,
  },
  ringover: { ...generic, title: 'Ringover', country: 'FR' },
  telnyx: { ...generic, title: 'Telnyx', codecs: MU_LAW_FIRST, refer: 'yes' },
  didww: { ...generic, title: 'DIDWW', authentication: 'address' },
  plivo: {
    ...generic,
    title: 'Plivo',
    codecs: MU_LAW_FIRST,
    headersToAttributes: { 'X-PH-CallUUID': 'sip.h.x-ph-calluuid' },
  },
  pbx: { ...generic, title: 'A PBX: Asterisk, FreePBX and the like', refer: 'yes' },
  generic,
} as const satisfies Record<string, TrunkProfile>;

export type TrunkProfileName = keyof typeof trunkProfiles;
