import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../api.ts';
import { sentenceOf } from '../session/session.ts';
import type { TalkCall } from './talk-call.ts';

/** What the rehearsed recogniser understands, and what moves this conversation on. */
export function Sentences({ call, language }: { call: TalkCall | undefined; language: string }) {
  const sentences = useSignal<readonly string[]>([]);
  const trouble = useSignal<string | undefined>(undefined);
  const callId = call?.callId.value;
  const turns = call?.turns.value.length ?? 0;

  useEffect(() => {
    let isCurrent = true;
    void (async () => {
      try {
        const query = { language, ...(callId !== undefined && { callId }) };
        const { data } = await api.rehearsal.sentences(query);
        if (isCurrent) sentences.value = data;
      } catch (error) {
        trouble.value = sentenceOf(error);
      }
    })();
    return () => (isCurrent = false);
  }, [callId, turns, language]);

  async function say(text: string) {
    try {
      trouble.value = undefined;
      await call?.say(await api.rehearsal.speech(text));
    } catch (error) {
      trouble.value = sentenceOf(error);
    }
  }

  const canSay = call?.phase.value === 'talking' && !call.speaking.value;
  return (
    <div class="sentences">
      <h2>Say</h2>
      {sentences.value.map((text) => (
        <button key={text} disabled={!canSay} onClick={() => void say(text)}>
          {text}
        </button>
      ))}
      {trouble.value !== undefined && <p role="alert">{trouble}</p>}
    </div>
  );
}
