import { useSignal } from '@preact/signals';
import type { Delivery } from '../../client/index.ts';
import { api } from '../api.ts';
import { may, sentenceOf } from '../session/session.ts';
import { timeOfDay } from '../ui/words.ts';

export function Deliveries({
  deliveries,
  onSent,
}: {
  deliveries: readonly Delivery[];
  onSent: () => void;
}) {
  const trouble = useSignal<string | undefined>(undefined);

  async function again(id: string) {
    try {
      trouble.value = undefined;
      await api.deliveries.retry(id);
      onSent();
    } catch (error) {
      trouble.value = sentenceOf(error);
    }
  }

  return (
    <section class="card" aria-labelledby="deliveries">
      <h2 id="deliveries">Told by webhook</h2>
      {deliveries.length === 0 ? (
        <p class="muted">Nobody: no endpoint takes events of this call.</p>
      ) : (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Event</th>
                <th>At</th>
                <th>Endpoint</th>
                <th>State</th>
                <th>Tries</th>
                <th>
                  <span class="hidden">Again</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {deliveries.map(({ id, type, createdAt, endpointId, state, attempts }) => (
                <tr key={id}>
                  <td>{type}</td>
                  <td>{timeOfDay(createdAt)}</td>
                  <td>
                    <code>{endpointId}</code>
                  </td>
                  <td class={state === 'dead' ? 'bad' : ''}>
                    {state === 'dead' ? 'given up' : state}
                  </td>
                  <td class="number">{attempts}</td>
                  <td>
                    {state !== 'pending' && may('operate') && (
                      <button onClick={() => void again(id)}>Send again</button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {trouble.value !== undefined && <p role="alert">{trouble}</p>}
    </section>
  );
}
