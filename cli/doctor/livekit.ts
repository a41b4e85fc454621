import { randomBytes } from 'node:crypto';
import { SignalResponse } from '@livekit/protocol';
import { AccessToken, RoomServiceClient } from 'livekit-server-sdk';
import { WebSocket } from 'ws';
import type { Config } from '../../config/config.ts';
import { PATIENCE_MS, ask, fail, pass, skip, warn } from './finding.ts';
import type { Check } from './finding.ts';

/** Found in our own version's tests; LiveKit promises more than it keeps between minor versions. */
const OLDEST = [1, 9] as const;
const TOKEN_SECONDS = 60;
/** Webhooks come within tens of ms, ms. */
const WEBHOOK_MS = 5_000;
const LOOK_EVERY_MS = 100;

/** Whether it is reached, takes our key, and is new enough. */
export const livekit: Check = {
  name: 'LiveKit',
  async run({ livekit }) {
    const url = livekit.url.replace(/^ws/, 'http');
    const answer = await ask(url);
    if (answer instanceof Error) {
      return fail(
        `${livekit.url} does not answer.`,
        'Start it (`npm start` does, where LIVEKIT_URL is this machine), or put LIVEKIT_URL right.',
      );
    }
    try {
      await rooms(livekit).listRooms(['trunkline-doctor']);
    } catch (error) {
      const isKey = /401|unauthorized|invalid/i.test((error as Error).message);
      return isKey
        ? fail(
            `${livekit.url} refuses our key.`,
            'LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be a pair of `keys` in its livekit.yaml.',
          )
        : fail(`${livekit.url} did not answer its API: ${(error as Error).message}.`);
    }
    const version = await versionOf(livekit);
    if (version === undefined)
      return warn(`${livekit.url} takes our key; its version is not told.`);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
    return isOld
      ? fail(`${livekit.url} is LiveKit ${version}.`, `Take ${OLDEST.join('.')} or newer.`)
      : pass(`${livekit.url} is LiveKit ${version} and takes our key.`);
  },
};

/** A real one is made: somebody joins a room, and leaves. No call is. */
export const webhooks: Check = {
  name: 'webhooks',
  async run({ livekit, callServiceUrl }) {
    const before = await webhooksSeen(callServiceUrl);
    if (before === undefined) return skip('The call service does not answer.');
    if ((await versionOf(livekit)) === undefined) return skip('LiveKit does not let us in.');
    const until = performance.now() + WEBHOOK_MS;
    while (performance.now() < until) {
      const now = await webhooksSeen(callServiceUrl);
      if (now !== undefined && now > before)
        return pass("LiveKit's webhooks reach the call service.");
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return fail(
      'A room was made, and no webhook about it came.',
      `webhook.urls in livekit.yaml must have ${callServiceUrl}/webhooks/livekit, as LiveKit reaches it.`,
      'webhook.api_key there must be LIVEKIT_API_KEY: others are refused with 401 (its log and ours say so).',
    );
  },
};

async function webhooksSeen(callServiceUrl: string): Promise<number | undefined> {
  const answer = await ask(new URL('/metrics', callServiceUrl));
  if (answer instanceof Error || !answer.ok) return undefined;
  const counts = (await answer.text()).matchAll(/^trunkline_webhook_events_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

function rooms({ url, apiKey, apiSecret }: Config['livekit']): RoomServiceClient {
  const options = { requestTimeout: PATIENCE_MS / 1_000 };
  return new RoomServiceClient(url.replace(/^ws/, 'http'), apiKey, apiSecret, options);
}

/** What LiveKit says to whoever joins a room; the room is gone afterwards. */
async function versionOf(livekit: Config['livekit']): Promise<string | undefined> {
  const room = `trunkline-doctor-${randomBytes(6).toString('hex')}`;
  const token = new AccessToken(livekit.apiKey, livekit.apiSecret, {
    identity: 'doctor',
    ttl: TOKEN_SECONDS,
  });
  token.addGrant({ room, roomJoin: true, hidden: true, canPublish: false, canSubscribe: false });
  const url = new URL('/rtc', livekit.url);
  url.search = new URLSearchParams({
    access_token: await token.toJwt(),
    protocol: '15',
    auto_subscribe: '0',
  }).toString();
  const socket = new WebSocket(url, { handshakeTimeout: PATIENCE_MS });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  socket.on('error', () => resolve(undefined));
  socket.on('message', (data: Buffer) => {
    const { message } = SignalResponse.fromBinary(data);
    if (message.case === 'join') resolve(message.value.serverInfo?.version ?? '');
  });
  try {
    return (await promise) || undefined;
  } finally {
    clearTimeout(timer);
    socket.terminate();
    await rooms(livekit)
      .deleteRoom(room)
      .catch(() => undefined);
  }
}
