import { voice } from '@livekit/agents';

export interface PatienceOptions {
  /** From the end of the caller's turn to the first sound of a reply, ms. */
  readonly replyTimeoutMs: number;
  /** How often in a row the caller is asked to repeat before the call is given up. */
  readonly maxMissed: number;
  /** No reply came: ask the caller to repeat. */
  onMissed(): void;
  /** It happened too often in a row: apologise and hang up. */
  onGivenUp(): void;
  /** Neither has spoken for this long, ms. */
  readonly idleMs: number;
  /** The `times`-th such silence since the caller last spoke. */
  onSilence(times: number): void;
}

/** The session events that it lives on; a seam for the test. */
export type SessionEvents = Pick<voice.AgentSession, 'on'>;

/**
 * Sees to it that a caller is never left in silence: every turn of theirs is followed by a reply,
 * and a line on which nobody speaks does not stay open.
 */
export function watchPatience(
  session: SessionEvents,
  options: PatienceOptions,
  signal: AbortSignal,
): void {
  let reply: NodeJS.Timeout | undefined;
  let idle: NodeJS.Timeout | undefined;
  let agentListens = false;
  let callerSpeaks = false;
  let missed = 0;
  let silences = 0;
  let apologising = false;
  /** A reply that was given up may still fail: each turn is missed once. */
  let isMissed = false;

  const miss = () => {
    clearTimeout(reply);
    if (signal.aborted || isMissed) return;
    isMissed = true;
    missed++;
    if (missed > options.maxMissed) return options.onGivenUp();
    apologising = true;
    options.onMissed();
  };
  const armIdle = () => {
    clearTimeout(idle);
    if (signal.aborted || !agentListens || callerSpeaks) return;
    idle = setTimeout(() => options.onSilence(++silences), options.idleMs);
  };
  signal.addEventListener(
    'abort',
    () => {
      clearTimeout(reply);
      clearTimeout(idle);
    },
    { once: true },
  );

  session.on(voice.AgentSessionEventTypes.ConversationItemAdded, ({ item }) => {
    if (item.type !== 'message' || item.role !== 'user' || signal.aborted) return;
    clearTimeout(reply);
    isMissed = false;
    reply = setTimeout(miss, options.replyTimeoutMs);
  });
  session.on(voice.AgentSessionEventTypes.UserStateChanged, ({ newState }) => {
    callerSpeaks = newState === 'speaking';
    if (callerSpeaks) {
      silences = 0;
      clearTimeout(reply);
    }
    armIdle();
  });
  session.on(voice.AgentSessionEventTypes.AgentStateChanged, ({ newState }) => {
    agentListens = newState === 'listening';
    if (newState === 'speaking') {
      clearTimeout(reply);
      if (!apologising) missed = 0;
      apologising = false;
    }
    armIdle();
  });
  session.on(voice.AgentSessionEventTypes.Error, ({ error }) => {
    // The reply is lost for certain: no need to wait for the timeout.
    if (!error.recoverable && (error.type === 'llm_error' || error.type === 'tts_error')) miss();
  });
}
