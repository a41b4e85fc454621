import type { G711Codec } from '../../ingress/sip/media/g711.ts';
import { readArguments } from '../../config/read-arguments.ts';

export const USAGE = `Places a call over SIP and talks with whoever answers.

  npm run call -- [options]

  --to <sip:… | number>   default sip:+10000000000@127.0.0.1:5060
  --from <number>         default +12025550123
  --say <text>            said once the agent has finished; repeat for more turns
  --quiet                 say nothing, only listen
  --hangup-after <s>      stay so long after the answer, then hang up
  --record <file.wav>     stereo: left the caller, right what the caller hears
  --barge-in              speak into the agent's speech one second after it began
  --dtmf <keys>           pressed after the greeting
  --header <"Name: x">    added to the INVITE; repeat for more
  --codec PCMU|PCMA       offer this one only
  --transport udp|tcp     default udp
  --user, --password      for digest authentication
  --vanish                leave without a BYE, like a caller whose network is lost
  --json                  one JSON object per line: events, then the result`;

/** A short conversation with the rehearsal restaurant. */
const DEFAULT_CONVERSATION: readonly string[] = [
  "I'd like to book a table.",
  'For four people.',
  'Tomorrow at seven.',
  'My name is Anna.',
  "Yes, that's right.",
];

const DEFAULT_NUMBER = '+10000000000';
/** One second, so that the agent is well into its sentence. */
const BARGE_IN_AFTER_MS = 1_000;

export interface CallArguments {
  readonly to: string;
  /** The number is dialled at the endpoint of this machine. */
  readonly isLocal: boolean;
  readonly from: string;
  readonly say: readonly string[];
  readonly headers: readonly string[];
  readonly hangUpAfterMs: number | undefined;
  readonly record: string | undefined;
  readonly bargeInAfterMs: number | undefined;
  readonly dtmf: string | undefined;
  readonly codecs: readonly G711Codec[] | undefined;
  readonly transport: 'udp' | 'tcp';
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly leave: 'bye' | 'vanish';
  readonly json: boolean;
  readonly help: boolean;
}

/**
 * Reads the command line of `npm run call`. Throws with a sentence for what makes no sense.
 * @param endpoint - host:port of the SIP endpoint that plain numbers are dialled at
 */
export function readCallArguments(args: readonly string[], endpoint: string): CallArguments {
  const { values } = readArguments(args, {
    to: { type: 'string', default: DEFAULT_NUMBER },
    from: { type: 'string', default: '+12025550123' },
    say: { type: 'string', multiple: true },
    quiet: { type: 'boolean', default: false },
    header: { type: 'string', multiple: true, default: [] },
    'hangup-after': { type: 'string' },
    record: { type: 'string' },
    'barge-in': { type: 'boolean', default: false },
    dtmf: { type: 'string' },
    codec: { type: 'string' },
    transport: { type: 'string', default: 'udp' },
    user: { type: 'string' },
    password: { type: 'string' },
    vanish: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  });
  const seconds = values['hangup-after'] === undefined ? undefined : Number(values['hangup-after']);
  if (seconds !== undefined && !(seconds > 0)) {
    throw new Error('--hangup-after takes seconds, e.g. 20');
  }
  const { transport, codec } = values;
  if (transport !== 'udp' && transport !== 'tcp') throw new Error('--transport is udp or tcp');
  if (codec !== undefined && codec !== 'PCMU' && codec !== 'PCMA') {
    throw new Error('--codec is PCMU or PCMA');
  }
  if (values.dtmf !== undefined && !/^[0-9*#A-D]+$/i.test(values.dtmf)) {
    throw new Error('--dtmf takes keys: 0 to 9, *, #, A to D');
  }
  for (const header of values.header) {
    if (!/^[\w.!%*+`'~-]+\s*:[^\r\n]*$/.test(header)) {
      throw new Error(`--header takes "Name: value", not ${JSON.stringify(header)}`);
    }
  }
  const isUri = /^sips?:/.test(values.to);
  return {
    to: isUri ? values.to : `sip:${values.to}@${endpoint}`,
    isLocal: !isUri,
    from: values.from,
    say: values.quiet ? [] : (values.say ?? DEFAULT_CONVERSATION),
    headers: values.header,
    hangUpAfterMs: seconds === undefined ? undefined : seconds * 1_000,
    record: values.record,
    bargeInAfterMs: values['barge-in'] ? BARGE_IN_AFTER_MS : undefined,
    dtmf: values.dtmf,
    codecs: codec === undefined ? undefined : [codec],
    transport,
    credentials:
      values.user === undefined
        ? undefined
        : { username: values.user, password: values.password ?? '' },
    leave: values.vanish ? 'vanish' : 'bye',
    json: values.json,
    help: values.help,
  };
}
