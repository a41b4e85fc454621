import { z } from 'zod';

/** Why an INVITE was refused before it was a call. */
export const RefusalCause = z.enum([
  'wrong_password',
  'address_not_allowed',
  'caller_not_allowed',
  'number_not_mapped',
  'no_codec',
]);
export type RefusalCause = z.infer<typeof RefusalCause>;

/** An INVITE that made no call. Who called is not in it. */
export const RefusalNote = z.object({
  at: z.iso.datetime(),
  cause: RefusalCause,
  sipCode: z.number().int(),
  /** IP address that it came from. */
  address: z.string().max(64),
  /** What was dialled, as far as it was read; the sender's to choose. */
  dialled: z.string().max(64).optional(),
});
export type RefusalNote = z.infer<typeof RefusalNote>;

export const RefusalNotes = z.object({ notes: z.array(RefusalNote).max(1_000) });
export type RefusalNotes = z.infer<typeof RefusalNotes>;

interface Explanation {
  readonly sentence: string;
  readonly nextSteps: readonly string[];
}

/** What happened and what to do about it, for a person; `calls/why/` has it for calls. */
export function explainRefusal({ cause, address, dialled }: RefusalNote): Explanation {
  switch (cause) {
    case 'wrong_password':
      return {
        sentence: `${address} called with a wrong user name or password, and got 401.`,
        nextSteps: [
          'Put the same name and password into the trunk at the provider and into sip-trunk.json (auth_username, auth_password) or TRUNKLINE_SIP_USERNAME and _PASSWORD.',
          'If the address is not your provider, nothing has to be done: it did not get in.',
        ],
      };
    case 'address_not_allowed':
      return {
        sentence: `${address} called, which is not among the trunk's addresses, and got 403.`,
        nextSteps: [
          'If it is your provider: add it to allowed_addresses of sip-trunk.json.',
          'If not, nothing has to be done.',
        ],
      };
    case 'caller_not_allowed':
      return {
        sentence: `${address} passed on a caller whom the trunk takes no calls from, and got 403.`,
        nextSteps: ['allowed_numbers of sip-trunk.json says whose calls are taken.'],
      };
    case 'number_not_mapped':
      return {
        sentence: `${dialled ?? 'No number'} was dialled, which no line has, and the caller got 404.`,
        nextSteps: [
          `Add the number to a line of config/lines.yaml${dialled === undefined ? '' : `: '${dialled}'`}.`,
          'If the number is another one than was dialled: see which header carries it (profile, headers_to_attributes).',
        ],
      };
    case 'no_codec':
      return {
        sentence: `${address} offered no audio that the SIP endpoint can do, and got 488.`,
        nextSteps: ['Have the provider offer PCMA or PCMU (G.711) without SRTP.'],
      };
    default:
      return cause satisfies never;
  }
}
