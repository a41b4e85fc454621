import { open } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import type { G711Codec } from '../../ingress/sip/media/g711.ts';
import { agree, isIncompatible, newSessionId, writeOffer } from '../../ingress/sip/media/sdp.ts';
import type { CallEvent, CallResult } from './call-events.ts';
import { createCallLog } from './call-log.ts';
import { startMouthAndEar } from './mouth-and-ear.ts';
import type { MouthAndEar } from './mouth-and-ear.ts';
import { createStereoRecording } from './recording.ts';
import { openRtpPort } from './rtp-port.ts';
import { BadUriError, startSipCall } from './sip-call.ts';
import type { SipCallOptions } from './sip-call.ts';

export interface PlaceCallOptions {
  /** SIP URI, e.g. `sip:+10000000000@127.0.0.1:5060`. */
  readonly to: string;
  /** Number or SIP URI of the caller. */
  readonly from: string;
  /** Phrases, each said once the agent has finished; none: only listen. */
  readonly say: readonly string[];
  /** Renders a phrase as 16-bit mono audio at 8 kHz. */
  readonly voice: (text: string) => Promise<Int16Array>;
  /** Understands what the agent said (16-bit mono, 8 kHz); absent: nothing is understood. */
  readonly recognise?: ((samples: Int16Array) => Promise<string | undefined>) | undefined;
  readonly onEvent?: ((event: CallEvent) => void) | undefined;
  readonly transport?: 'udp' | 'tcp' | undefined;
  readonly credentials?: SipCallOptions['credentials'];
  readonly headers?: readonly string[] | undefined;
  /** In order of preference; default PCMA, PCMU. */
  readonly codecs?: readonly G711Codec[] | undefined;
  /** Stay until so long after the answer; absent: hang up when all is said and answered. */
  readonly hangUpAfterMs?: number | undefined;
  /** Ringing for longer ends in CANCEL. Default 60 s. */
  readonly ringForMs?: number | undefined;
  /** The agent has finished when silent for so long. Default 600 ms. */
  readonly gapMs?: number | undefined;
  /** The agent is given up for silent after so long. Default 10 s. */
  readonly patienceMs?: number | undefined;
  /** The caller only listens until this has settled. */
  readonly silentUntil?: Promise<unknown> | undefined;
  /** Speak into the agent's speech once it has lasted so long. */
  readonly bargeInAfterMs?: number | undefined;
  /** Keys pressed after the greeting, before the first phrase: `0-9*#A-D`. */
  readonly dtmf?: string | undefined;
  /** Path of a stereo WAV file: left the caller, right what the caller hears. */
  readonly record?: string | undefined;
  /** Local RTP ports, even to odd; absent: any. */
  readonly rtpPorts?: { readonly from: number; readonly to: number } | undefined;
  /** Hangs up when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** How the caller leaves: BYE, or without a word like a lost network. Default `bye`. */
  readonly leave?: 'bye' | 'vanish' | undefined;
}

const DEFAULT_RING_MS = 60_000;

/**
 * Places a call over SIP and RTP, holds the conversation and hangs up. Resolves with what was
 * measured, also when the call failed; rejects for a bad URI or key, a phrase that cannot be
 * rendered or a recording that cannot be written.
 */
export async function placeCall(options: PlaceCallOptions): Promise<CallResult> {
  const phrases = await Promise.all(
    options.say.map(async (text) => ({ text, samples: await options.voice(text) })),
  );
  // What cannot be written is told before anybody is called.
  if (options.record !== undefined) await (await open(options.record, 'a')).close();
  const log = createCallLog(options.say, options.onEvent);
  const recording = options.record === undefined ? undefined : createStereoRecording();
  let mouthAndEar: MouthAndEar | undefined;
  const rtp = await openRtpPort({
    ports: options.rtpPorts,
    family: options.to.includes('[') ? 6 : 4,
    onAudio: (packet) => mouthAndEar?.hear(packet),
  });
  const codecs = options.codecs ?? ['PCMA', 'PCMU'];
  const session = { port: rtp.port, sessionId: newSessionId(), version: 1 };

  const call = await startSipCall({
    to: options.to,
    from: options.from,
    transport: options.transport ?? 'udp',
    credentials: options.credentials,
    headers: options.headers,
    offer: (address) => writeOffer(codecs, { ...session, address }),
    onSent: () => log.sent(),
    onRinging: (code) => log.ringing(code),
    onAnswered(sdp, from) {
      try {
        const agreed = agree(sdp, codecs, from);
        if (isIncompatible(agreed)) throw new Error(agreed.text);
        const { codec } = agreed.negotiated;
        rtp.connect(agreed.negotiated);
        log.answered(codec);
        mouthAndEar = startMouthAndEar({
          ...options,
          phrases,
          codec,
          rtp,
          log,
          recording,
          startedAt: log.answeredAt ?? performance.now(),
        });
      } catch (error) {
        log.failed('refused', 200, messageOf(error));
      }
    },
    onBye: () => log.ended('agent'),
    onFailed: (code, reason) => log.failed(code === 0 ? 'unreachable' : 'refused', code, reason),
  }).catch((error: unknown) => {
    if (error instanceof BadUriError) {
      rtp.close();
      throw error;
    }
    log.failed('unreachable', 0, messageOf(error));
    return undefined;
  });

  const hangUp = (): void => log.ended('caller');
  options.signal?.addEventListener('abort', hangUp, { once: true });
  if (options.signal?.aborted) hangUp();
  const giveUp = setTimeout(() => {
    if (log.answeredAt === undefined) log.failed('unanswered', 0, 'it rang and nobody answered');
  }, options.ringForMs ?? DEFAULT_RING_MS);

  await log.over;
  clearTimeout(giveUp);
  options.signal?.removeEventListener('abort', hangUp);
  const clock = mouthAndEar?.stop() ?? { skipped: 0, worstLatenessMs: 0 };
  if (options.leave === 'vanish') call?.vanish();
  else await call?.hangUp();
  await mouthAndEar?.understood();
  rtp.close();
  if (options.record !== undefined) await recording?.save(options.record);
  return log.result({ sipCallId: call?.id ?? '', rtp: rtp.stats, clock });
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
