import { APIConnectionError, APIStatusError } from '@livekit/agents';
import { WebSocket } from 'ws';

const CONNECT_TIMEOUT_MS = 5_000;

/** @throws APIStatusError when Deepgram refuses (401, 402, 429 …), APIConnectionError otherwise. */
export function openDeepgramSocket(url: URL, apiKey: string): Promise<WebSocket> {
  const socket = new WebSocket(url, {
    headers: { Authorization: `Token ${apiKey}` },
    handshakeTimeout: CONNECT_TIMEOUT_MS,
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      const statusCode = response.statusCode ?? -1;
      reject(
        new APIStatusError({
          message: `Deepgram refused the connection (${statusCode})`,
          options: { statusCode },
        }),
      );
      socket.terminate();
    });
    // Stays for the socket's life: an error is always followed by 'close', which users watch.
    socket.on('error', (cause) =>
      reject(new APIConnectionError({ message: `Deepgram cannot be reached: ${cause.message}` })),
    );
  });
}

/** Undefined when it is not JSON; for zod to refuse. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
