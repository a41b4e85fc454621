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
  include_headers: z.string().optional(),
  ringing_timeout: duration.optional(),
  max_call_duration: duration.optional(),
  krisp_enabled: flag().optional(),
  media_encryption: z.string().optional(),
  media: z.unknown().optional(),
});

export const TrunkFile = z.strictObject(
  { trunk: TrunkInfo },
  shouldBe('{"trunk": {…}}, as `lk sip inbound create` takes it'),
);
export type TrunkFile = z.infer<typeof TrunkFile>;
