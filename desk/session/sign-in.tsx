import { useSignal } from '@preact/signals';
import { begin, refusal } from './session.ts';

export function SignIn() {
  const key = useSignal('');
  const busy = useSignal(false);

  async function submit() {
    busy.value = true;
    await begin({ apiKey: key.value.trim() });
    busy.value = false;
  }

  return (
    <main class="sign-in">
      <h1>Trunkline</h1>
      <p>
        Open the link that <code>npm start</code> printed, or make another one:
      </p>
      <pre>npm run trunkline -- open</pre>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label for="key">Or sign in with an API key</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          required
          value={key}
          aria-describedby={refusal.value === undefined ? undefined : 'refusal'}
          onInput={(event) => (key.value = event.currentTarget.value)}
        />
        <button class="primary" disabled={busy}>
          Sign in
        </button>
      </form>
      <p id="refusal" role="alert" class="bad">
        {refusal}
      </p>
    </main>
  );
}
