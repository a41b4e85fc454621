import { useSignal } from '@preact/signals';
import { useLocation } from 'preact-iso';
import { useRef } from 'preact/hooks';
import type { Line } from '../../client/index.ts';
import { api } from '../api.ts';
import { may, sentenceOf } from '../session/session.ts';

/** Has a line's agent call somebody, by the trunk for it. */
export function Place() {
  const dialog = useRef<HTMLDialogElement>(null);
  const lines = useSignal<readonly Line[]>([]);
  const line = useSignal('');
  const to = useSignal('');
  const trouble = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const { route } = useLocation();
  if (!may('operate')) return null;

  async function open() {
    dialog.current?.showModal();
    try {
      lines.value = (await api.lines.list()).data;
      line.value ||= lines.value[0]?.name ?? '';
    } catch (error) {
      trouble.value = sentenceOf(error);
    }
  }

  async function call() {
    busy.value = true;
    trouble.value = undefined;
    try {
      // Pressed twice, it is one call.
      const idempotencyKey = crypto.randomUUID();
      const placed = { to: to.value.replaceAll(/[\s()-]/g, ''), line: line.value };
      const { id } = await api.calls.create(placed, { idempotencyKey });
      dialog.current?.close();
      route(`/desk/calls/${id}`);
    } catch (error) {
      trouble.value = sentenceOf(error);
    }
    busy.value = false;
  }

  return (
    <>
      <button onClick={() => void open()}>Call somebody …</button>
      <dialog ref={dialog} aria-label="Call somebody">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void call();
          }}
        >
          <label>
            Number (E.164)
            <input
              type="tel"
              required
              placeholder="+74951234567"
              value={to}
              onInput={(event) => (to.value = event.currentTarget.value)}
            />
          </label>
          <label>
            Whose agent talks
            <select value={line} onChange={(event) => (line.value = event.currentTarget.value)}>
              {lines.value.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          {trouble.value !== undefined && (
            <p role="alert" class="bad">
              {trouble}
            </p>
          )}
          <div class="row">
            <button class="primary" disabled={busy}>
              Call
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Not now
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
