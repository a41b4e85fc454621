import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { CallDetail } from '../../client/index.ts';
import type { Activity } from '../live/live-calls.ts';
import { msWord } from '../ui/words.ts';
import { turnId } from './time-axis.ts';

type Turn = CallDetail['turns'][number];

export function Transcript({
  turns,
  startedAt,
  selected,
  activity,
}: {
  turns: readonly Turn[];
  startedAt: string;
  selected: Signal<string | undefined>;
  activity: Activity | undefined;
}) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [selected.value]);
  return (
    <section class="card transcript" aria-labelledby="transcript">
      <h2 id="transcript">What was said</h2>
      {turns.length === 0 && activity === undefined && <p class="muted">Nothing.</p>}
      <ol ref={list}>
        {turns.map((turn, index) => {
          const isSelected = selected.value === turnId(index);
          const at = Date.parse(turn.startedAt ?? turn.at) - Date.parse(startedAt);
          return (
            <li
              key={`${turn.who} ${turn.at}`}
              class={turn.who}
              aria-current={isSelected || undefined}
            >
              <button class="turn" onClick={() => (selected.value = turnId(index))}>
                <span class="muted number">{(at / 1000).toFixed(1)} s</span>
                <span class="speaker">{turn.who}</span>
                <span>
                  {turn.text}
                  {turn.interrupted && (
                    <span class="muted"> — interrupted; this much was heard</span>
                  )}
                </span>
              </button>
              <Stages reply={turn} before={turns[index - 1]} />
            </li>
          );
        })}
        <Now who="agent" words={activity?.saying} />
        <Now who="caller" words={activity?.hearing} />
      </ol>
    </section>
  );
}

/** What is being said. */
function Now({ who, words }: { who: Turn['who']; words: string | undefined }) {
  if (words === undefined || words === '') return null;
  return (
    <li class={who}>
      <span class="turn">
        <span />
        <span class="speaker">{who}</span>
        <i class="muted">{words} …</i>
      </span>
    </li>
  );
}

/** From the end of the caller's words to the first sound of the reply, stage by stage. */
function Stages({ reply, before }: { reply: Turn; before: Turn | undefined }) {
  const { llmFirstToken = 0, ttsFirstByte = 0, total } = reply.latency ?? {};
  if (total === undefined) return null;
  const endpointing = before?.who === 'caller' ? (before.latency?.endpointing ?? 0) : 0;
  // Stages overlap where the model begins before the turn has ended.
  const rest = Math.max(0, total - endpointing - llmFirstToken - ttsFirstByte);
  const stages = [
    ['stt', 'end of turn', endpointing],
    ['llm', 'model', llmFirstToken],
    ['tts', 'voice', ttsFirstByte],
    ['rest', 'rest', rest],
  ] as const;
  const whole = stages.reduce((sum, [, , ms]) => sum + ms, 0) || 1;
  const words = stages
    .filter(([, , ms]) => ms > 0)
    .map(([, name, ms]) => `${name} ${msWord(ms)}`)
    .join(', ');
  return (
    <div class="stages" title={words}>
      <span class="bar" role="img" aria-label={words}>
        {stages.map(([stage, , ms]) => (
          <span key={stage} class={stage} style={{ width: `${(ms / whole) * 100}%` }} />
        ))}
      </span>
      <span class="number">{msWord(total)}</span>
      <span class="muted">{words}</span>
    </div>
  );
}
