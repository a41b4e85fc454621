import { DIMENSIONS, type Features } from './features.ts';

/** Speakers and clocks drift by a few per cent; more than this is other speech. */
const SLOPE = 0.12;
/** Frames by which both ends may differ besides. */
const SLACK = 12;
/** Cost of staying on a frame while the other side moves on, dB: keeps paths straight. */
const DETOUR = 0.75;
/** First coefficient up to which a frame is silent. */
const QUIET = 8;
/** Silent frames that may be a stall: the line stood still, and speech goes on where it was. */
const SHORTEST_STALL = 5;
/** Frames before one that are the faint end of what conceals it. */
const FADE = 2;
/** Cost of a frame of a stall, dB. */
const STALLED = 0.2;

/** How well a template and what was heard lie over each other. */
export interface Alignment {
  /** Mean distance per step along the best path, about dB. */
  readonly distance: number;
  /** Mean distance over the worst quarter second of the path, about dB. */
  readonly worst: number;
  /** Frames of the template that the path covers. */
  readonly covered: number;
}

export interface AlignOptions {
  /** The template may go on after what was heard: for speech that has not ended. */
  readonly openEnd: boolean;
  /** Give up when the mean distance is bound to exceed this, about dB. */
  readonly limit: number;
}

/** Steps of a quarter of a second. */
const WORST_WINDOW = 24;

let costs = new Float32Array(0);
let distances = new Float32Array(0);

/**
 * Dynamic time warping of `heard` onto `template` within a narrow band.
 * Undefined when the lengths cannot fit or the distance is beyond the limit.
 */
export function align(
  heard: Features,
  template: Features,
  { openEnd, limit }: AlignOptions,
): Alignment | undefined {
  const rows = heard.length / DIMENSIONS;
  const columns = template.length / DIMENSIONS;
  const stalled = findStalls(heard, rows);
  const spoken = rows - stalled.reduce((sum, stall) => sum + stall, 0);
  if (rows === 0 || spoken > columns + slackAt(spoken)) return undefined;
  if (!openEnd && columns > rows + slackAt(rows)) return undefined;
  if (costs.length < rows * columns) {
    costs = new Float32Array(rows * columns);
    distances = new Float32Array(rows * columns);
  }
  costs.fill(Infinity, 0, rows * columns);
  let moved = 0;
  for (let row = 0; row < rows; row++) {
    if (!stalled[row]) moved++;
    const first = Math.max(0, moved - slackAt(moved));
    const last = Math.min(columns - 1, row + slackAt(row));
    let lowest = Infinity;
    for (let column = first; column <= last; column++) {
      const at = row * columns + column;
      const local = frameDistance(heard, row, template, column);
      distances[at] = local;
      let before = row === 0 && column === 0 ? 0 : Infinity;
      if (row > 0 && column > 0) before = costs[at - columns - 1] as number;
      if (row > 0) before = Math.min(before, (costs[at - columns] as number) + DETOUR);
      if (column > 0) before = Math.min(before, (costs[at - 1] as number) + DETOUR);
      let cost = before + local;
      if (row > 0 && stalled[row]) {
        cost = Math.min(cost, (costs[at - columns] as number) + STALLED);
      }
      costs[at] = cost;
      if (cost < lowest) lowest = cost;
    }
    // A good path is cheap from the start but for a few frames of slack.
    if (lowest > limit * (row + 1 + 2 * SLACK)) return undefined;
  }
  const end = openEnd ? bestEnd(rows, columns) : columns - 1;
  return measurePath(rows, columns, end, stalled);
}

function bestEnd(rows: number, columns: number): number {
  let best = 0;
  let lowest = Infinity;
  for (let column = 0; column < columns; column++) {
    const cost = costs[(rows - 1) * columns + column] as number;
    if (cost < lowest) {
      lowest = cost;
      best = column;
    }
  }
  return best;
}

function slackAt(frames: number): number {
  return Math.ceil(SLACK + SLOPE * frames);
}

/** 1 for each frame in which the line may have stalled. */
function findStalls(heard: Features, rows: number): Uint8Array {
  const stalled = new Uint8Array(rows);
  for (let row = 0, quiet = 0; row < rows; row++) {
    quiet = (heard[row * DIMENSIONS] as number) <= QUIET ? quiet + 1 : 0;
    if (quiet >= SHORTEST_STALL) stalled.fill(1, Math.max(0, row - quiet - FADE + 1), row + 1);
  }
  return stalled;
}

function measurePath(
  rows: number,
  columns: number,
  end: number,
  stalled: Uint8Array,
): Alignment | undefined {
  let row = rows - 1;
  let column = end;
  if (!Number.isFinite(costs[row * columns + column])) return undefined;
  const path: number[] = [];
  for (;;) {
    const at = row * columns + column;
    const diagonal = row > 0 && column > 0 ? (costs[at - columns - 1] as number) : Infinity;
    const up = row > 0 ? (costs[at - columns] as number) + DETOUR : Infinity;
    const left = column > 0 ? (costs[at - 1] as number) + DETOUR : Infinity;
    const local = distances[at] as number;
    if (row > 0 && stalled[row]) {
      const stay = (costs[at - columns] as number) + STALLED;
      if (stay < Math.min(diagonal, up, left) + local) {
        row--;
        continue;
      }
    }
    path.push(local);
    if (row === 0 && column === 0) break;
    if (diagonal <= up && diagonal <= left) {
      row--;
      column--;
    } else if (up <= left) row--;
    else column--;
  }
  let sum = 0;
  let window = 0;
  let worst = 0;
  path.forEach((distance, index) => {
    sum += distance * distance;
    window += distance - (index >= WORST_WINDOW ? (path[index - WORST_WINDOW] as number) : 0);
    const size = Math.min(index + 1, WORST_WINDOW);
    if (size === WORST_WINDOW || index === path.length - 1) worst = Math.max(worst, window / size);
  });
  return { distance: Math.sqrt(sum / path.length), worst, covered: end + 1 };
}

function frameDistance(a: Features, row: number, b: Features, column: number): number {
  let sum = 0;
  const left = row * DIMENSIONS;
  const right = column * DIMENSIONS;
  for (let index = 0; index < DIMENSIONS; index++) {
    const difference = (a[left + index] as number) - (b[right + index] as number);
    sum += difference * difference;
  }
  return Math.sqrt(sum / DIMENSIONS);
}
