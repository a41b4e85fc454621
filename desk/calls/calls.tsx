import { useSignal } from '@preact/signals';
import { useLocation } from 'preact-iso';
import { useEffect } from 'preact/hooks';
import type { Call, Line } from '../../client/index.ts';
import { api } from '../api.ts';
import { onEvent } from '../live/live-calls.ts';
import { sentenceOf } from '../session/session.ts';
import { Nothing, State, Title, Trouble } from '../ui/parts.tsx';
import { callerOf, dayAndTime, durationWord, ingressWord, reasonWord } from '../ui/words.ts';
import { FILTERS, queryOf } from './filters.ts';
import type { Filter } from './filters.ts';

const PAGE = 50;

/** Calls that were and are; the filters are the address, so that it can be shared. */
export function Calls() {
  const { query, route } = useLocation();
  const calls = useSignal<readonly Call[] | undefined>(undefined);
  const next = useSignal<string | null>(null);
  const fresh = useSignal(0);
  const lines = useSignal<readonly Line[]>([]);
  const trouble = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const address = JSON.stringify(query);

  async function load(cursor?: string) {
    busy.value = true;
    try {
      const page = await api.calls.list({
        ...queryOf(query),
        limit: PAGE,
        ...(cursor !== undefined && { cursor }),
      });
      calls.value = cursor === undefined ? page.data : [...(calls.value ?? []), ...page.data];
      next.value = page.nextCursor;
      if (cursor === undefined) fresh.value = 0;
      trouble.value = undefined;
    } catch (error) {
      trouble.value = sentenceOf(error);
    }
    busy.value = false;
  }

  useEffect(() => void load(), [address]);
  useEffect(() => {
    void api.lines
      .list()
      .then(({ data }) => (lines.value = data))
      .catch(() => undefined);
    return onEvent(({ type }) => {
      if (type === 'call.initiated') fresh.value += 1;
    });
  }, []);

  function change(name: string, value: string) {
    const changed = new URLSearchParams(query);
    if (value === '') changed.delete(name);
    else changed.set(name, value);
    const text = changed.toString();
    route(`/desk/calls${text === '' ? '' : `?${text}`}`, true);
  }

  const found = calls.value;
  const isFiltered = Object.keys(query).length > 0;
  return (
    <>
      <div class="row">
        <Title page="Calls">Calls</Title>
        <span class="grow" />
        <a href={`/v1/calls.csv?${csvQuery(query)}`} download="calls.csv">
          As CSV
        </a>
        <a href="/desk/refused">Refused before they were calls</a>
      </div>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        {FILTERS.map((filter) => (
          <FilterField
            key={filter.name}
            filter={filter}
            options={
              filter.name === 'line' ? lines.value.map(({ name }) => [name, name]) : filter.options
            }
            value={query[filter.name] ?? ''}
            onChange={(value) => change(filter.name, value)}
          />
        ))}
        {isFiltered && (
          <button type="button" onClick={() => route('/desk/calls', true)}>
            All
          </button>
        )}
      </form>
      {trouble.value !== undefined && <Trouble>{trouble}</Trouble>}
      {fresh.value > 0 && (
        <p>
          <button onClick={() => void load()}>
            {fresh.value === 1 ? 'One new call' : `${fresh.value} new calls`}
          </button>
        </p>
      )}
      {found?.length === 0 &&
        (isFiltered ? (
          <Nothing title="No call is like that">
            <p>Take a filter away.</p>
          </Nothing>
        ) : (
          <Nothing title="No calls yet">
            <p>
              <a href="/desk/talk">Talk with the agent</a> from this browser, or run{' '}
              <code>npm run call</code> in a terminal.
            </p>
          </Nothing>
        ))}
      {found !== undefined && found.length > 0 && <Table calls={found} />}
      {next.value !== null && (
        <p>
          <button disabled={busy} onClick={() => void load(next.value ?? undefined)}>
            More
          </button>
        </p>
      )}
    </>
  );
}

function csvQuery(address: Readonly<Record<string, string>>): string {
  return new URLSearchParams(queryOf(address) as Record<string, string>).toString();
}

function Table({ calls }: { calls: readonly Call[] }) {
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Calls">
      <table>
        <thead>
          <tr>
            <th>Began</th>
            <th>With</th>
            <th>Line</th>
            <th>State</th>
            <th>Lasted</th>
            <th>End</th>
            <th>Way in</th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call) => (
            <tr key={call.id}>
              <td>
                <a href={`/desk/calls/${call.id}`}>{dayAndTime(call.startedAt)}</a>
              </td>
              <td>
                {call.direction === 'outbound' ? '→ ' : ''}
                {callerOf(call)}
              </td>
              <td>{call.line ?? '–'}</td>
              <td>
                <State state={call.state} />
              </td>
              <td class="number">
                {call.endedAt === undefined
                  ? '–'
                  : durationWord(Date.parse(call.endedAt) - Date.parse(call.startedAt))}
              </td>
              <td>{reasonWord(call.endReason)}</td>
              <td>{ingressWord(call.ingress)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function FilterField({
  filter: { title, type },
  options,
  value,
  onChange,
}: {
  filter: Filter;
  options: Filter['options'];
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <label>
      {title}
      {options === undefined ? (
        <Input type={type} value={value} onChange={onChange} />
      ) : (
        <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          <option value="">any</option>
          {options.map(([key, word]) => (
            <option key={key} value={key}>
              {word}
            </option>
          ))}
        </select>
      )}
    </label>
  );
}

function Input({
  type,
  value,
  onChange,
}: Pick<Filter, 'type'> & { value: string; onChange: (value: string) => void }) {
  const change = (event: { readonly currentTarget: HTMLInputElement }) =>
    onChange(event.currentTarget.value.trim());
  return type === 'date' ? (
    <input type="date" value={value} onChange={change} />
  ) : (
    <input type="search" value={value} onChange={change} />
  );
}
