import { EventEmitter } from 'node:events';
import { RoomEvent } from '@livekit/rtc-node';
import type { RemoteParticipant, Room } from '@livekit/rtc-node';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { watchForOtherAgents } from './one-agent.ts';

afterEach(() => void vi.useRealTimers());

const NAMES = new Set(['trunkline', 'night-desk']);

/** Another agent, by when it came. */
function agent(joinedAt: number, attributes: Record<string, string> = {}, name = 'trunkline') {
  const about = { 'lk.agent_name': name, ...attributes };
  const info = { joinedAt: BigInt(joinedAt) };
  return { identity: `agent-${joinedAt}`, sid: `PA_${joinedAt}`, attributes: about, info };
}
const greeted = { 'trunkline.greeted': 'AJ_2' };

function watch(options: { others?: object[]; hasGreeted?: boolean; came?: number } = {}) {
  const { others = [], hasGreeted = false, came = 10 } = options;
  const room = Object.assign(new EventEmitter(), {
    name: 'call-1',
    localParticipant: { identity: 'me' },
    remoteParticipants: new Map(others.map((one, index) => [`${index}`, one])),
  });
  const onOther = vi.fn();
  const getParticipant = vi.fn(async () => ({ joinedAtMs: BigInt(came), sid: 'PA_me' }) as never);
  const over = new AbortController();
  const look = watchForOtherAgents(
    room as unknown as Room,
    {
      rooms: { participant: getParticipant },
      names: NAMES,
      log: pino({ level: 'silent' }),
      hasGreeted: () => hasGreeted,
      onOther,
    },
    over.signal,
  );
  return { room, look, onOther, getParticipant, over };
}

test.each([
  ['nobody else', [], false, false],
  ["somebody else's agent", [agent(1, greeted, 'transcriber')], false, false],
  ['one that came later', [agent(20)], false, false],
  ['one that came before', [agent(1)], false, true],
  ['the fallback, which came before', [agent(1, {}, 'night-desk')], false, true],
  ['one that came later and knows the caller', [agent(20, greeted)], false, true],
  ['one that came before, and we know the caller', [agent(1)], true, false],
  ['one that came before and knows the caller as we do', [agent(1, greeted)], true, true],
  ['one that came later and knows the caller as we do', [agent(20, greeted)], true, false],
])('with %s in the room', async (_who, others, hasGreeted, leaves) => {
  const { look, onOther } = watch({ others, hasGreeted });
  await look();
  expect(onOther).toHaveBeenCalledTimes(leaves ? 1 : 0);
});

test('of two that came in the same millisecond one stays', async () => {
  const first = watch({ others: [{ ...agent(10), sid: 'PA_a' }] });
  const second = watch({ others: [{ ...agent(10), sid: 'PA_z' }] });
  await first.look();
  await second.look();
  expect([first.onOther.mock.calls.length, second.onOther.mock.calls.length]).toEqual([1, 0]);
});

test.each([
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantAttributesChanged,
  RoomEvent.Reconnected,
])('it looks again at %s, until the call is over', async (event) => {
  const { room, onOther, over, getParticipant } = watch();
  const other = agent(1) as unknown as RemoteParticipant;
  room.remoteParticipants.set('other', other);
  room.emit(event);
  await vi.waitFor(() => expect(onOther).toHaveBeenCalled());
  over.abort();
  expect(room.eventNames()).toEqual([]);
  expect(getParticipant).toHaveBeenCalledWith('call-1', 'me');
});

test('LiveKit is away: the agent stays with its caller, and asks again until the call is over', async () => {
  vi.useFakeTimers();
  const { look, onOther, getParticipant, over } = watch({ others: [agent(1)] });
  getParticipant.mockRejectedValueOnce(new Error('away'));
  await look();
  expect(onOther).not.toHaveBeenCalled();
  await vi.runOnlyPendingTimersAsync();
  expect(onOther).toHaveBeenCalledOnce();

  getParticipant.mockRejectedValue(new Error('away'));
  await look();
  over.abort();
  expect(vi.getTimerCount()).toBe(0);
});
