import { inference, voice } from '@livekit/agents';
import type { Line } from '../../config/config.ts';
import { InterruptionVad } from '../speech/interruption-vad.ts';
import type { Providers } from '../speech/providers.ts';
import { speechTransforms } from '../speech/speakable.ts';
import { isSpeaking } from '../audio/speaker.ts';

/**
 * Interruptions by sound alone are ignored for this long after the agent first speaks, ms: a line's
 * echo canceller needs about a second of far-end speech to converge (ITU-T G.168 §6).
 */
const ECHO_CONVERGENCE_MS = 1_000;

/**
 * The bundled Silero model, set for 8 kHz speech with line noise: a higher threshold than its
 * default of 0.5, because codec noise and side tone score up to there.
 */
const TELEPHONE_VAD = {
  activationThreshold: 0.6,
  minSpeechDuration: 90,
  minSilenceDuration: 200, // before the STT's endpointing, which ends the turn
  prefixPaddingDuration: 200,
  maxBufferedSpeech: 30_000,
};

/** The pipeline of one conversation, not yet started and without audio. */
export function createSession(line: Line, providers: Providers): voice.AgentSession {
  const { turns } = line.agent;
  const session: voice.AgentSession = new voice.AgentSession({
    stt: providers.stt(line),
    llm: providers.llm(line.agent),
    tts: providers.tts(line.agent),
    vad:
      turns.detection === 'vad'
        ? new inference.VAD({
            ...TELEPHONE_VAD,
            minSilenceDuration: line.agent.stt.endpointingMs,
          })
        : new InterruptionVad(TELEPHONE_VAD, () => isSpeaking(session)),
    aecWarmupDuration: ECHO_CONVERGENCE_MS,
    ttsTextTransforms: speechTransforms(line.language),
    userAwayTimeout: null, // patience.ts watches silence
    connOptions: {
      // A caller is unheard while the STT is away: be quick, and give up only after a while.
      sttConnOptions: { maxRetry: 20, retryIntervalMs: 250, timeoutMs: 5_000 },
      llmConnOptions: { maxRetry: 1, retryIntervalMs: 100, timeoutMs: 8_000 },
      // Its first byte comes within half a second; a socket that has died in its sleep is not
      // waited for, so that the second attempt is heard before patience.ts gives the reply up.
      ttsConnOptions: { maxRetry: 1, retryIntervalMs: 100, timeoutMs: 2_000 },
      maxUnrecoverableErrors: Infinity, // patience.ts decides when to give up, and says so
    },
    turnHandling: {
      turnDetection: turns.detection,
      endpointing: { minDelay: turns.minDelayMs, maxDelay: turns.maxDelayMs },
      interruption: {
        mode: 'vad',
        minDuration: turns.interruptAfterMs,
        minWords: turns.interruptAfterWords,
        // Noise that stopped the agent without a word being recognised: it goes on talking.
        falseInterruptionTimeout: 1_000,
        resumeFalseInterruption: true,
      },
      preemptiveGeneration: { enabled: turns.preemptiveGeneration, preemptiveTts: true },
    },
  });
  return session;
}
