import { performance } from 'node:perf_hooks';
import { decodeG711, encodeG711 } from '../../ingress/sip/media/g711.ts';
import type { G711Codec } from '../../ingress/sip/media/g711.ts';
import type { CallResult } from './call-events.ts';
import type { CallLog } from './call-log.ts';
import { FRAME_SAMPLES, SAMPLE_RATE } from './frame.ts';
import { createConversation } from './conversation.ts';
import type { ConversationEvent } from './conversation.ts';
import { createDialler } from './dialler.ts';
import { startMediaClock } from './media-clock.ts';
import type { StereoRecording } from './recording.ts';
import type { HeardPacket, RtpPort } from './rtp-port.ts';
import { isSpeech } from './speech-meter.ts';
import { concatenate } from './recordings.ts';
import { toUtterance } from './utterance.ts';

export interface MouthAndEarOptions {
  readonly phrases: readonly { readonly text: string; readonly samples: Int16Array }[];
  readonly codec: G711Codec;
  readonly rtp: RtpPort;
  readonly log: CallLog;
  readonly recording: StereoRecording | undefined;
  /** performance.now() of the answer. */
  readonly startedAt: number;
  readonly recognise?: ((samples: Int16Array) => Promise<string | undefined>) | undefined;
  readonly hangUpAfterMs?: number | undefined;
  readonly gapMs?: number | undefined;
  readonly patienceMs?: number | undefined;
  readonly silentUntil?: Promise<unknown> | undefined;
  readonly bargeInAfterMs?: number | undefined;
  readonly dtmf?: string | undefined;
}

/** The media half of an answered call. */
export interface MouthAndEar {
  hear(packet: HeardPacket): void;
  /** Falls silent; says how well the clock ran. */
  stop(): CallResult['clock'];
  /** Resolves when all that was heard is understood, or not. */
  understood(): Promise<void>;
}

const DEFAULT_GAP_MS = 600;
const DEFAULT_PATIENCE_MS = 10_000;
/** The caller speaks on when what was heard is not understood after this, ms. */
const THINK_MS = 1_000;

/** Talks and listens by the conversation; ends the call in the log when it is over. */
export function startMouthAndEar(options: MouthAndEarOptions): MouthAndEar {
  const { codec, rtp, log, recording, startedAt, recognise } = options;
  const dialler = createDialler(options.dtmf ?? '');
  let packets: { readonly at: number; readonly samples: Int16Array }[] = [];

  /** Being understood at the moment. */
  const pending = new Set<Promise<void>>();
  let heardAt = 0;

  const hearOut = (event: Extract<ConversationEvent, { type: 'heard' }>): void => {
    heardAt = performance.now();
    const spoken = packets.filter(({ at }) => at >= event.startedAt && at <= event.at);
    packets = [];
    if (!recognise) {
      log.spoke(event);
      return;
    }
    log.hearing(event);
    const understanding = recognise(concatenate(spoken.map(({ samples }) => samples)))
      .catch(() => undefined)
      .then((text) => {
        pending.delete(understanding);
        return log.spoke(event, text);
      });
    pending.add(understanding);
  };

  const conversation = createConversation({
    utterances: options.phrases.map(({ text, samples }) => toUtterance(text, samples, codec)),
    gapMs: options.gapMs ?? DEFAULT_GAP_MS,
    patienceMs: options.patienceMs ?? DEFAULT_PATIENCE_MS,
    bargeInAfterMs: options.bargeInAfterMs,
    onEvent(event) {
      if (event.type === 'heard') hearOut(event);
      else log.spoke(event);
    },
  });

  let silent = options.silentUntil !== undefined;
  const speakUp = (): void => void (silent = false);
  void options.silentUntil?.then(speakUp, speakUp);

  const silence = encodeG711(codec, new Int16Array(FRAME_SAMPLES));
  const hangUpAt = startedAt + (options.hangUpAfterMs ?? Infinity);
  const onFrame = (): void => {
    const now = performance.now();
    if (now >= hangUpAt || (conversation.done && options.hangUpAfterMs === undefined)) {
      log.ended('caller');
      return;
    }
    const pressing = conversation.greeted && !dialler.done;
    const key = pressing ? dialler.nextPacket() : undefined;
    if (key) {
      if (key.first) log.pressed(key.digit);
      rtp.sendEvent(key);
      return;
    }
    const thinking = pending.size > 0 && !conversation.talking && now - heardAt < THINK_MS;
    const frame = pressing || thinking || silent ? undefined : conversation.nextFrame(now);
    rtp.sendAudio(frame?.payload ?? silence, frame?.first ?? false);
    recording?.said(decodeG711(codec, frame?.payload ?? silence), now - startedAt);
  };
  const clock = startMediaClock(onFrame, (frames) => rtp.skip(frames));

  return {
    hear({ at, timestamp, payload }) {
      const samples = decodeG711(codec, payload);
      recording?.heard(samples, timestamp, at - startedAt);
      if (recognise) packets.push({ at, samples });
      conversation.heard(isSpeech(samples), (samples.length / SAMPLE_RATE) * 1_000, at);
    },
    stop() {
      clock.stop();
      return { skipped: clock.skipped, worstLatenessMs: clock.worstLatenessMs };
    },
    async understood() {
      await Promise.all(pending);
    },
  };
}
