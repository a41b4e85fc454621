import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Refusal } from '../../client/index.ts';
import { api } from '../api.ts';
import { sentenceOf } from '../session/session.ts';
import { Nothing, Title, Trouble } from '../ui/parts.tsx';
import { dayAndTime } from '../ui/words.ts';

/** INVITEs that made no call, and why. */
export function Refused() {
  const refusals = useSignal<readonly Refusal[] | undefined>(undefined);
  const trouble = useSignal<string | undefined>(undefined);

  async function load() {
    try {
      refusals.value = (await api.refusals.list()).data;
      trouble.value = undefined;
    } catch (error) {
      trouble.value = sentenceOf(error);
    }
  }
  useEffect(() => void load(), []);

  return (
    <>
      <div class="row">
        <Title page="Refused">Refused calls</Title>
        <span class="grow" />
        <button onClick={() => void load()}>Look again</button>
      </div>
      <p class="muted">
        What the built-in SIP endpoint refused before it was a call, since the call service was
        started. What livekit-sip refuses, it tells nobody: its own log has it.
      </p>
      {trouble.value !== undefined && <Trouble>{trouble}</Trouble>}
      {refusals.value?.length === 0 && (
        <Nothing title="Nothing was refused">
          <p>
            A call that never came may not have reached this machine: look at the trunk's page at
            the provider, and at the firewall.
          </p>
        </Nothing>
      )}
      <ul class="refusals">
        {refusals.value?.map((one) => (
          <li key={`${one.cause} ${one.address} ${one.dialled}`} class="card">
            <p class="sentence">{one.sentence}</p>
            <ol class="steps">
              {one.nextSteps.map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ol>
            <p class="muted">
              {one.count === 1 ? 'once' : `${one.count} times`}, last {dayAndTime(one.lastAt)} ·
              cause <code>{one.cause}</code>
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
