import { voice } from '@livekit/agents';
import type { Activity } from '../../calls/activity.ts';
import type { Speaker } from '../audio/speaker.ts';

const { AgentSessionEventTypes: Happened } = voice;
/** Captions follow the voice this closely, ms. */
const CAPTION_MS = 250;

/** Tells what agent and caller are at, for those who look on. */
export function tellActivity(
  session: Pick<voice.AgentSession, 'on'>,
  speaker: Pick<Speaker, 'saidSoFar'>,
  tell: (activity: Activity) => void,
  signal: AbortSignal,
): void {
  let said = '';
  const caption = () => {
    const saying = speaker.saidSoFar() ?? '';
    if (saying !== said) tell({ saying });
    said = saying;
  };
  const timer = setInterval(caption, CAPTION_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  session.on(Happened.AgentStateChanged, ({ newState }) => {
    const agent = STATES[newState];
    if (agent !== undefined) tell({ agent });
  });
  session.on(Happened.UserInputTranscribed, ({ transcript }) => tell({ hearing: transcript }));
  session.on(Happened.ConversationItemAdded, ({ item }) => {
    // What is a turn now is told as such.
    if (item.type === 'message' && item.role === 'user') tell({ hearing: '' });
    if (item.type === 'message' && item.role === 'assistant') {
      said = '';
      tell({ saying: '' });
    }
  });
}

const STATES: Readonly<Partial<Record<voice.AgentState, Activity['agent']>>> = {
  listening: 'listening',
  idle: 'listening',
  thinking: 'thinking',
  speaking: 'speaking',
};
