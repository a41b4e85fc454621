import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { CallDetail } from '../../client/index.ts';
import { api } from '../api.ts';
import { may, sentenceOf } from '../session/session.ts';
import { Trouble } from '../ui/parts.tsx';
import type { Listening } from './listening.ts';

/** What an operator can do to a call that goes on. */
export function Actions({ call }: { call: CallDetail }) {
  const trouble = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  if (call.endedAt !== undefined || !may('operate')) return null;

  async function act(what: () => Promise<unknown>) {
    busy.value = true;
    trouble.value = undefined;
    try {
      await what();
    } catch (error) {
      trouble.value = sentenceOf(error);
    }
    busy.value = false;
  }

  const hasTransfer = call.ingress === 'livekit-sip';
  return (
    <div class="actions">
      <div class="row">
        <Listen call={call} />
        <Confirmed
          name="Transfer"
          disabled={busy.value || !hasTransfer}
          sentence="The caller is handed over; the agent leaves the call."
          field="To (number or SIP address)"
          onConfirm={(to) => void act(() => api.calls.transfer(call.id, { to }))}
        />
        <Confirmed
          name="Hang up"
          danger
          disabled={busy.value}
          sentence="The caller is hung up on. This cannot be undone."
          onConfirm={() => void act(() => api.calls.hangup(call.id))}
        />
      </div>
      {!hasTransfer && (
        <p class="muted">
          This call cannot be transferred: only livekit-sip can (it sends REFER), and the call came
          another way.
        </p>
      )}
      {trouble.value !== undefined && <Trouble>{trouble}</Trouble>}
    </div>
  );
}

function Listen({ call }: { call: CallDetail }) {
  const listening = useSignal<Listening | undefined>(undefined);
  const trouble = useSignal<string | undefined>(undefined);
  useEffect(() => () => listening.value?.stop(), []);

  async function begin() {
    trouble.value = undefined;
    try {
      // Loaded when somebody listens: livekit-client is most of what the desk weighs.
      const { Listening } = await import('./listening.ts');
      listening.value = await Listening.begin(call.id, () => (listening.value = undefined));
    } catch (error) {
      trouble.value = sentenceOf(error);
    }
  }

  if (listening.value !== undefined) {
    return (
      <button aria-pressed="true" onClick={() => listening.value?.stop()}>
        Stop listening
      </button>
    );
  }
  return (
    <>
      <button disabled={call.room?.name === undefined} onClick={() => void begin()}>
        Listen in
      </button>
      {trouble.value !== undefined && <span role="alert">{trouble}</span>}
    </>
  );
}

interface ConfirmedProps {
  readonly name: string;
  readonly sentence: string;
  readonly field?: string;
  readonly danger?: boolean;
  readonly disabled: boolean;
  readonly onConfirm: (value: string) => void;
}

function Confirmed({ name, sentence, field, danger, disabled, onConfirm }: ConfirmedProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const value = useSignal('');
  return (
    <>
      <button
        class={danger === true ? 'danger' : ''}
        disabled={disabled}
        onClick={() => dialog.current?.showModal()}
      >
        {name} …
      </button>
      <dialog ref={dialog} aria-label={name}>
        <form
          method="dialog"
          onSubmit={(event) => {
            const { submitter } = event as unknown as SubmitEvent;
            if (submitter instanceof HTMLButtonElement && submitter.value === 'do') {
              onConfirm(value.value.trim());
            }
          }}
        >
          <p>{sentence}</p>
          {field !== undefined && (
            <label>
              {field}
              <input
                required
                value={value}
                onInput={(event) => (value.value = event.currentTarget.value)}
              />
            </label>
          )}
          <div class="row">
            <button value="do" class={danger === true ? 'danger' : 'primary'}>
              {name}
            </button>
            <button value="not" formNoValidate>
              Not now
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
