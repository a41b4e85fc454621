import { useSignal } from '@preact/signals';
import { useRoute } from 'preact-iso';
import { useEffect } from 'preact/hooks';
import { TrunklineError } from '../../client/index.ts';
import type { CallDetail, Delivery } from '../../client/index.ts';
import { api } from '../api.ts';
import { connection, liveCalls, onEvent } from '../live/live-calls.ts';
import { sentenceOf } from '../session/session.ts';
import { now } from '../ui/now.ts';
import { Nothing, State, Title, Trouble } from '../ui/parts.tsx';
import { callerOf, dayAndTime, durationWord } from '../ui/words.ts';
import { Actions } from './actions.tsx';
import { Deliveries } from './deliveries.tsx';
import { Facts } from './facts.tsx';
import { axisOf } from './time-axis.ts';
import { Timeline } from './timeline.tsx';
import { Transcript } from './transcript.tsx';
import { Why } from './why.tsx';

/** Events come in bunches; the record is asked for once for each bunch, ms. */
const GATHER_MS = 150;

/** All that is known of one call, on one screen. */
export function OneCall() {
  const { id = '' } = useRoute().params;
  const call = useSignal<CallDetail | undefined>(undefined);
  const deliveries = useSignal<readonly Delivery[]>([]);
  const trouble = useSignal<string | undefined>(undefined);
  const isMissing = useSignal(false);
  const selected = useSignal<string | undefined>(undefined);

  async function load() {
    try {
      const [found, told] = await Promise.all([
        api.calls.get(id),
        api.deliveries.list({ callId: id, limit: 200 }),
      ]);
      call.value = found;
      deliveries.value = told.data.toReversed();
      trouble.value = undefined;
    } catch (error) {
      isMissing.value = error instanceof TrunklineError && error.status === 404;
      trouble.value = sentenceOf(error);
    }
  }

  useEffect(() => {
    let gathering: ReturnType<typeof setTimeout> | undefined;
    const loadSoon = () => {
      gathering ??= setTimeout(() => {
        gathering = undefined;
        void load();
      }, GATHER_MS);
    };
    void load();
    const unlisten = onEvent(({ callId }) => {
      if (callId === id) loadSoon();
    });
    return () => {
      clearTimeout(gathering);
      unlisten();
    };
  }, [id]);
  // What happened while the connection was away.
  useEffect(() => {
    if (connection.value === 'open' && call.value !== undefined) void load();
  }, [connection.value]);

  const found = call.value;
  if (isMissing.value) {
    return (
      <Nothing title="There is no such call">
        <p>
          Its record may have been removed. <a href="/desk/calls">All calls</a>
        </p>
      </Nothing>
    );
  }
  if (found === undefined) {
    return trouble.value === undefined ? <p>Loading …</p> : <Trouble>{trouble}</Trouble>;
  }
  const activity = liveCalls.value?.find((one) => one.id === id)?.activity;
  const until = found.endedAt === undefined ? now.value : Date.parse(found.endedAt);
  return (
    <>
      {trouble.value !== undefined && <Trouble>{trouble}</Trouble>}
      <section class="card head">
        <div class="row">
          <Title page={callerOf(found)}>
            {callerOf(found)} <span class="muted">{found.line ?? 'no line'}</span>
          </Title>
          <State state={found.state} />
          <span class="number">{durationWord(until - Date.parse(found.startedAt))}</span>
          <span class="muted">{dayAndTime(found.startedAt)}</span>
          {found.endedAt === undefined && <span class="doing">{activity?.agent}</span>}
        </div>
        <Why why={found.why} selected={selected} />
        <Actions call={found} />
      </section>
      <Timeline
        axis={axisOf(found, deliveries.value, found.endedAt === undefined ? now.value : until)}
        events={found.timeline}
        selected={selected}
      />
      <div class="columns">
        <Transcript
          turns={found.turns}
          startedAt={found.startedAt}
          selected={selected}
          activity={found.endedAt === undefined ? activity : undefined}
        />
        <Facts call={found} />
      </div>
      <Deliveries deliveries={deliveries.value} onSent={() => void load()} />
      <Elsewhere call={found} />
    </>
  );
}

/** The same call in other tools. */
function Elsewhere({ call }: { call: CallDetail }) {
  const room = call.room?.name;
  const quoted = room === undefined ? undefined : `'${room.replaceAll("'", `'\\''`)}'`;
  return (
    <section class="card" aria-labelledby="elsewhere">
      <h2 id="elsewhere">Elsewhere</h2>
      <div class="row">
        <a href={`/v1/calls/${call.id}`} download={`${call.id}.json`}>
          The record as JSON
        </a>
        <a href={`/v1/calls/${call.id}/support`} download={`${call.id}-support.json`}>
          For support, without personal data
        </a>
        <span class="muted">
          <code>{call.id}</code>
        </span>
      </div>
      <pre>
        {[
          `npm run trunkline -- calls show ${call.id}`,
          ...(quoted === undefined
            ? []
            : [
                'eval "$(npm run --silent trunkline -- env)"',
                `lk room participants list ${quoted}`,
                `lk dispatch list ${quoted}`,
                `lk room delete ${quoted}`,
              ]),
        ].join('\n')}
      </pre>
    </section>
  );
}
