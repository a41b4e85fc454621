import type { Signal } from '@preact/signals';
import type { CallDetail } from '../../client/index.ts';

/** What happened, why, what says so, what to do. */
export function Why({
  why,
  selected,
}: {
  why: CallDetail['why'];
  selected: Signal<string | undefined>;
}) {
  if (why === undefined) return <p class="muted">It goes on; why it ended is said when it has.</p>;
  return (
    <section class="why" aria-label="Why">
      <p class="sentence">{why.sentence}</p>
      {why.evidence.length > 0 && (
        <ul class="evidence">
          {why.evidence.map(({ text, eventId }) => (
            <li key={text}>
              {eventId === undefined ? (
                text
              ) : (
                <button class="link" onClick={() => (selected.value = eventId)}>
                  {text}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {why.nextSteps.length > 0 && (
        <>
          <h2>What to do</h2>
          <ol class="steps">
            {why.nextSteps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        </>
      )}
      <p class="muted">
        cause <code>{why.cause}</code>, layer <code>{why.layer}</code>
      </p>
    </section>
  );
}
