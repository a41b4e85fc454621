/**
 * The shape of `sip-trunk.json`: LiveKit's `CreateSIPInboundTrunkRequest` in JSON, as
 * `lk sip inbound create` takes it (livekit_sip.proto, `SIPInboundTrunkInfo`).
 */
import { z } from 'zod';
import { isAddressBlock } from './addresses.ts';
import { flag, shouldBe, text } from './fields.ts';

const words = z.array(z.string(shouldBe('text in quotes')), shouldBe('a list'));
const byName = z.record(z.string(), z.string(shouldBe('text')), shouldBe('an object of texts'));
const duration = z
  .string(shouldBe('a duration such as "20s"'))
  .regex(/^\d+(\.\d+)?s$/, shouldBe('a duration such as "20s"'));
const address = z.string(shouldBe('an address in quotes')).refine(isAddressBlock, {
  error: 'should be an IP address or a CIDR block, such as 192.0.2.0/24',
});

/** Protobuf's JSON has an enum by its name or its number. */
function choice<const T extends readonly [string, ...string[]]>(names: T) {
  const numbers = names.map((_name, number) => z.literal(number));
  return z
    .union([z.enum(names), ...numbers], shouldBe(names.join(' or ')))
    .transform(
      (value): T[number] => (typeof value === 'number' ? names[value] : value) ?? names[0],
    );
}

const encryption = choice([
  'SIP_MEDIA_ENCRYPT_DISABLE',
  'SIP_MEDIA_ENCRYPT_ALLOW',
  'SIP_MEDIA_ENCRYPT_REQUIRE',
]);

const Media = z.strictObject({
  only_listed_codecs: flag().optional(),
  codecs: z
    .array(z.strictObject({ name: text("a codec's name"), rate: z.int().optional() }))
    .optional(),
  encryption: encryption.optional(),
  media_timeout: duration.optional(),
});

const TrunkInfo = z.strictObject({
  name: text("the trunk's name").default('trunk'),
  metadata: z.string().optional(),
  numbers: words.default([]),
  allowed_addresses: z.array(address, shouldBe('a list of addresses')).default([]),
  allowed_numbers: words.default([]),
  auth_username: z.string(shouldBe('text')).default(''),
  auth_password: z.string(shouldBe('text')).default(''),
  auth_realm: z.string(shouldBe('text')).optional(),
  headers: byName.optional(),
  headers_to_attributes: byName.default({}),
  attributes_to_headers: byName.optional(),
  include_headers: choice(['SIP_NO_HEADERS', 'SIP_X_HEADERS', 'SIP_ALL_HEADERS']).optional(),
  ringing_timeout: duration.optional(),
  max_call_duration: duration.optional(),
  krisp_enabled: flag().optional(),
  media_encryption: encryption.optional(),
  media: Media.optional(),
});

export const TrunkFile = z.strictObject(
  { trunk: TrunkInfo },
  shouldBe('{"trunk": {…}}, as `lk sip inbound create` takes it'),
);
export type TrunkFile = z.infer<typeof TrunkFile>;
