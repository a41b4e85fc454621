import { once } from 'node:events';
import { createServer } from 'node:http';
import { RoomServiceClient } from 'livekit-server-sdk';
import { expect, test } from 'vitest';
import { startLivekit } from './start-livekit.ts';
import { waitFor } from './wait-for.ts';

test('a livekit-server of its own answers the API, sends webhooks and stops', async () => {
  const events: string[] = [];
  const receiver = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (body: string) => {
      events.push((JSON.parse(body) as { event: string }).event);
    });
    request.on('end', () => response.end());
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as { port: number };

  const livekit = await startLivekit({ webhookUrl: `http://127.0.0.1:${port}/hook` });
  const rooms = new RoomServiceClient(livekit.httpUrl, livekit.apiKey, livekit.apiSecret);
  await rooms.createRoom({ name: 'a-room' });
  await waitFor(() => events.includes('room_started'));
  expect((await rooms.listRooms()).map(({ name }) => name)).toEqual(['a-room']);

  await livekit.stop();
  await livekit.stop();
  expect(() => process.kill(livekit.pid, 0)).toThrow('ESRCH');
  receiver.close();
});
