import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../api.ts';
import { now } from '../ui/now.ts';
import { Nothing, State, Title } from '../ui/parts.tsx';
import { callerOf, durationWord, ingressWord, reasonWord } from '../ui/words.ts';
import { connection, liveCalls } from './live-calls.ts';
import { Place } from './place.tsx';
import type { LiveCall } from './live-calls.ts';

/** Calls as they are spoken. */
export function Live() {
  const calls = liveCalls.value;
  const workers = useSignal<string | undefined>(undefined);
  useEffect(() => {
    void api.workers
      .list()
      .then((answer) => (workers.value = troubleOf(answer)))
      .catch(() => undefined);
  }, [connection.value, calls?.length]);
  return (
    <>
      <div class="row">
        <Title page="Live">Live</Title>
        <span class="grow" />
        <Place />
      </div>
      {workers.value !== undefined && <p class="notice">{workers}</p>}
      {calls === undefined ? (
        <p>{connection.value === 'lost' ? 'The call service does not answer.' : 'Loading …'}</p>
      ) : calls.length === 0 ? (
        <Nothing title="No call goes on">
          <p>
            <a href="/desk/talk">Talk with the agent</a> from this browser, or run{' '}
            <code>npm run call</code> in a terminal. <a href="/desk/calls">Calls that were</a>
          </p>
        </Nothing>
      ) : (
        <ul class="live">
          {calls.map((call) => (
            <OneLive key={call.id} call={call} />
          ))}
        </ul>
      )}
    </>
  );
}

/** Why the next caller would not be answered; undefined where they would. */
function troubleOf({ data, known }: Awaited<ReturnType<typeof api.workers.list>>) {
  if (!known) return undefined;
  const ready = data.filter((worker) => worker.registered && worker.ready);
  if (ready.length === 0) {
    return 'No agent is registered with LiveKit: callers hear an apology. `npm start` runs one; `npm run trunkline -- doctor` says what is wrong.';
  }
  if (ready.every(({ freeCalls }) => freeCalls === 0)) {
    return 'Every place for a call is taken: the next caller hears busy. Raise TRUNKLINE_MAX_CALLS, or add a worker.';
  }
  return undefined;
}

function OneLive({ call }: { call: LiveCall }) {
  const { id, state, line, startedAt, endedAt, lastTurn, warning, activity, ingress } = call;
  const until = endedAt === undefined ? now.value : Date.parse(endedAt);
  const { hearing = '', saying = '' } = endedAt === undefined ? (activity ?? {}) : {};
  const [who, words] = hearing === '' ? ['agent', saying] : ['caller', hearing];
  return (
    <li class={warning === undefined ? '' : 'warned'}>
      <a href={`/desk/calls/${id}`}>
        <span class="who">
          <strong>{callerOf(call)}</strong>
          <span class="muted">
            {line ?? 'no line'} · {ingressWord(ingress)}
          </span>
        </span>
        <span class="where">
          <State state={state} />
          <span class="duration">{durationWord(until - Date.parse(startedAt))}</span>
          <span class="doing">{endedAt === undefined ? (activity?.agent ?? '') : ''}</span>
        </span>
        <span class="said">
          {words !== '' ? (
            <>
              <span class="muted">{who}</span> <i>{words} …</i>
            </>
          ) : (
            lastTurn && (
              <>
                <span class="muted">{lastTurn.who}</span> {lastTurn.text}
              </>
            )
          )}
        </span>
        {warning !== undefined && <span class="warning">{warning}</span>}
        {endedAt !== undefined && <span class="muted">{reasonWord(call.endReason)}</span>}
      </a>
    </li>
  );
}
