import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Line } from '../../client/index.ts';
import { api } from '../api.ts';
import { sentenceOf } from '../session/session.ts';
import { may } from '../session/session.ts';
import { now } from '../ui/now.ts';
import { Nothing, Title, Trouble } from '../ui/parts.tsx';
import { durationWord, msWord } from '../ui/words.ts';
import { Sentences } from './sentences.tsx';
import { TalkCall } from './talk-call.ts';
import type { Phase } from './talk-call.ts';

/** A call from this browser. */
export function Talk() {
  const lines = useSignal<readonly Line[] | undefined>(undefined);
  const rehearsed = useSignal<readonly string[]>([]);
  const trouble = useSignal<string | undefined>(undefined);
  const line = useSignal('');
  const call = useSignal<TalkCall | undefined>(undefined);

  useEffect(() => {
    void (async () => {
      try {
        const [{ data }, rehearsal] = await Promise.all([api.lines.list(), api.rehearsal.get()]);
        lines.value = data;
        line.value = data[0]?.name ?? '';
        rehearsed.value = rehearsal.services;
      } catch (error) {
        trouble.value = sentenceOf(error);
      }
    })();
    return () => call.value?.close();
  }, []);

  function begin(withMicrophone: boolean) {
    call.value?.close();
    const next = new TalkCall();
    call.value = next;
    void next.begin(line.value, withMicrophone);
  }

  const isDeaf = rehearsed.value.includes('stt');
  if (!may('operate')) {
    return (
      <Nothing title="This key may only read">
        <p>To call, sign in with a key that may operate.</p>
      </Nothing>
    );
  }
  const current = call.value;
  const isOn = current !== undefined && current.phase.value !== 'over';
  return (
    <>
      <Title page="Talk">Talk with the agent</Title>
      {trouble.value !== undefined && <Trouble>{trouble}</Trouble>}
      {lines.value?.length === 0 && (
        <Nothing title="There is no line">
          <p>
            Add one to <code>config/lines.yaml</code> and start again.
          </p>
        </Nothing>
      )}
      {isDeaf && (
        <p class="notice">
          The speech recogniser is rehearsed (no <code>DEEPGRAM_API_KEY</code> is set): it
          understands the sentences under “Say” and not your own words. Click one to say it.
        </p>
      )}
      <div class="talk">
        <section class="card" aria-label="Call">
          <div class="controls">
            <label>
              Line{' '}
              <select
                value={line}
                disabled={isOn}
                onChange={(event) => (line.value = event.currentTarget.value)}
              >
                {lines.value?.map(({ name, agent }) => (
                  <option key={name} value={name}>
                    {name} ({agent.name})
                  </option>
                ))}
              </select>
            </label>
            {isOn ? (
              <Controls call={current} />
            ) : (
              <>
                <button class="primary" disabled={line.value === ''} onClick={() => begin(true)}>
                  Call
                </button>
                <button disabled={line.value === ''} onClick={() => begin(false)}>
                  Call without microphone
                </button>
              </>
            )}
          </div>
          {current && <Progress call={current} />}
          {current && <Captions call={current} />}
        </section>
        <aside class="card">
          {isDeaf ? (
            <Sentences
              call={isOn ? current : undefined}
              language={languageOf(lines.value, line.value)}
            />
          ) : (
            <p class="muted">Speak when the agent has greeted you. It can be interrupted.</p>
          )}
          {isOn && <Keypad call={current} />}
        </aside>
      </div>
    </>
  );
}

function languageOf(lines: readonly Line[] | undefined, name: string): string {
  return lines?.find((line) => line.name === name)?.language ?? 'en';
}

function Controls({ call }: { call: TalkCall }) {
  return (
    <>
      <button aria-pressed={call.muted.value} onClick={() => call.toggleMuted()}>
        {call.muted.value ? 'Unmute' : 'Mute'}
      </button>
      <button class="danger" onClick={() => call.hangUp()}>
        Hang up
      </button>
      <span class="number">{durationWord(now.value - call.startedAt)}</span>
    </>
  );
}

const PHASES: Readonly<Record<Phase, string>> = {
  joining: 'Connecting …',
  waiting: 'Waiting for the agent …',
  talking: 'In conversation',
  over: 'The call is over.',
};
/** An agent is there within two seconds, unless none is registered or all are busy, ms. */
const AGENT_LATE_MS = 5_000;

function Progress({ call }: { call: TalkCall }) {
  const { phase, callId, failure, micTrouble, activity } = call;
  const isLate = phase.value === 'waiting' && now.value - call.startedAt > AGENT_LATE_MS;
  return (
    <>
      <p role="status">
        {failure.value ?? PHASES[phase.value]}
        {phase.value === 'talking' && activity.value.agent && (
          <span class="muted"> · the agent is {activity.value.agent}</span>
        )}{' '}
        {callId.value !== undefined && (
          <a href={`/desk/calls/${callId.value}`}>
            {phase.value === 'over' ? 'Why it went as it went' : 'Its page'}
          </a>
        )}
      </p>
      {isLate && (
        <p class="notice">
          No agent has come yet. Either no worker is registered with LiveKit (<code>npm start</code>{' '}
          runs one; its log is <code>agent.log</code> in the data folder), or all are full.
        </p>
      )}
      {micTrouble.value !== undefined && <p class="notice">{micTrouble}</p>}
    </>
  );
}

function Captions({ call }: { call: TalkCall }) {
  const list = useRef<HTMLOListElement>(null);
  const turns = call.turns.value;
  const { hearing, saying } = call.activity.value;
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [turns.length, hearing, saying]);
  return (
    <ol class="captions" ref={list} tabIndex={0} aria-label="What is said" aria-live="polite">
      {turns.map((turn) => (
        <li key={`${turn.who} ${turn.at}`} class={turn.who}>
          <span class="speaker">{turn.who}</span>
          <span>{turn.text}</span>
          <span class="muted number">
            {turn.latency?.total !== undefined && (
              <span title="From the end of your words to the first sound of the reply">
                {msWord(turn.latency.total)}
              </span>
            )}
          </span>
        </li>
      ))}
      {saying !== undefined && saying !== '' && (
        <li class="agent">
          <span class="speaker">agent</span>
          <span class="interim">{saying}</span>
        </li>
      )}
      {hearing !== undefined && hearing !== '' && (
        <li class="caller">
          <span class="speaker">caller</span>
          <span class="interim">{hearing} …</span>
        </li>
      )}
    </ol>
  );
}

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

function Keypad({ call }: { call: TalkCall }) {
  return (
    <details>
      <summary>Keypad</summary>
      <div class="keypad">
        {KEYS.map((key) => (
          <button key={key} onClick={() => call.press(key)}>
            {key}
          </button>
        ))}
      </div>
    </details>
  );
}
