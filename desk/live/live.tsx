import { now } from '../ui/now.ts';
import { Nothing, State, Title } from '../ui/parts.tsx';
import { callerOf, durationWord, ingressWord, reasonWord } from '../ui/words.ts';
import { connection, liveCalls } from './live-calls.ts';
import type { LiveCall } from './live-calls.ts';

/** Calls as they are spoken. */
export function Live() {
  const calls = liveCalls.value;
  return (
    <>
      <Title page="Live">Live</Title>
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
