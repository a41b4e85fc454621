import { useSignal } from '@preact/signals';
import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { TimelineEvent } from '../../client/index.ts';
import { LANES, LANE_NAMES } from './time-axis.ts';
import type { Axis, Mark } from './time-axis.ts';

const MAX_ZOOM = 256;

/** One axis for all layers; what is selected is shown in words, and found in the transcript. */
export function Timeline({
  axis,
  events,
  selected,
}: {
  axis: Axis;
  events: readonly TimelineEvent[];
  selected: Signal<string | undefined>;
}) {
  const zoom = useSignal(1);
  const scroller = useRef<HTMLDivElement>(null);
  const length = axis.to - axis.from;
  const place = (at: number) => `${((at - axis.from) / length) * 100}%`;
  const lanes = LANES.filter((lane) => axis.marks.some((mark) => mark.lane === lane));
  const mark = axis.marks.find(({ id }) => id === selected.value);
  const event = events.find(({ id }) => id === selected.value);

  useEffect(() => {
    const box = scroller.current;
    if (box === null || mark === undefined) return;
    const middle = ((mark.from - axis.from) / length) * box.scrollWidth;
    box.scrollTo({ left: middle - box.clientWidth / 2 });
  }, [selected.value, zoom.value]);

  return (
    <section class="card" aria-labelledby="timeline">
      <div class="row">
        <h2 id="timeline">Timeline</h2>
        <span class="grow" />
        <button aria-label="Zoom out" disabled={zoom.value === 1} onClick={() => (zoom.value /= 2)}>
          −
        </button>
        <button
          aria-label="Zoom in"
          disabled={zoom.value === MAX_ZOOM}
          onClick={() => (zoom.value *= 2)}
        >
          +
        </button>
      </div>
      <div class="axis">
        <ul class="lane-names" aria-hidden="true">
          <li class="ticks" />
          {lanes.map((lane) => (
            <li key={lane}>{LANE_NAMES[lane]}</li>
          ))}
        </ul>
        <div
          class="scroller"
          ref={scroller}
          tabIndex={0}
          role="group"
          aria-label="Lanes of the call"
        >
          <div class="lanes" style={{ width: `${zoom.value * 100}%` }}>
            <ol class="ticks" aria-hidden="true">
              {ticks(axis, zoom.value).map((at) => (
                <li key={at} style={{ left: place(at) }}>
                  {offsetWord(at - axis.from, length / zoom.value)}
                </li>
              ))}
            </ol>
            {lanes.map((lane) => (
              <ol key={lane} class={`lane ${lane}`} aria-label={LANE_NAMES[lane]}>
                {axis.marks
                  .filter((one) => one.lane === lane)
                  .map((one) => (
                    <MarkButton
                      key={one.id}
                      mark={one}
                      left={place(one.from)}
                      width={
                        one.to === undefined
                          ? undefined
                          : `${((one.to - one.from) / length) * 100}%`
                      }
                      selected={selected}
                    />
                  ))}
              </ol>
            ))}
          </div>
        </div>
      </div>
      <div class="detail" role="status">
        {mark === undefined ? (
          <span class="muted">Select a mark: what it is, to the millisecond.</span>
        ) : (
          <>
            <p>
              <strong>{mark.label}</strong> <span class="number">{exact(mark, axis)}</span>
              {event && (
                <span class="muted">
                  {' '}
                  · {event.source}
                  {event.inferred ? ' · concluded, not told' : ''}
                  {event.late ? ' · came after the record was sealed' : ''}
                </span>
              )}
            </p>
            {event && <pre>{JSON.stringify(event.data, null, 1)}</pre>}
          </>
        )}
      </div>
    </section>
  );
}

function MarkButton({
  mark: { id, label, kind, to },
  left,
  width,
  selected,
}: {
  mark: Mark;
  left: string;
  width: string | undefined;
  selected: Signal<string | undefined>;
}) {
  return (
    <li
      style={{ left, ...(width !== undefined && { width }) }}
      class={to === undefined ? 'moment' : 'span'}
    >
      <button
        class={`mark ${kind}`}
        title={label}
        aria-label={label}
        aria-pressed={selected.value === id}
        onClick={() => (selected.value = id)}
      />
    </li>
  );
}

function exact({ from, to }: Mark, axis: Axis): string {
  const at = `${new Date(from).toISOString().slice(11, 23)} UTC (+${((from - axis.from) / 1000).toFixed(3)} s)`;
  return to === undefined ? at : `${at}, ${((to - from) / 1000).toFixed(3)} s long`;
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5,
  36e5,
];
const TICKS_IN_SIGHT = 8;

function ticks({ from, to }: Axis, zoom: number): number[] {
  const inSight = (to - from) / zoom;
  const step = STEPS.find((one) => inSight / one <= TICKS_IN_SIGHT) ?? 36e5;
  return Array.from(
    { length: Math.floor((to - from) / step) + 1 },
    (_, index) => from + index * step,
  );
}

function offsetWord(ms: number, inSight: number): string {
  if (inSight < 2_000) return `${Math.round(ms)} ms`;
  if (inSight < 120_000) return `${(ms / 1000).toFixed(inSight < 20_000 ? 1 : 0)} s`;
  return `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;
}
