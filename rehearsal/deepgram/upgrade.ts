import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Emulators } from '../emulators.ts';
import { misbehave } from '../misbehave.ts';
import type { Fault, Service } from '../settings.ts';
import type { Visit } from '../stats.ts';
import { deepgramError, describeProblem, refuseUpgrade } from './errors.ts';
import { serveListen } from './listen.ts';
import { parseListenQuery } from './listen-query.ts';
import { isDeepgramKey } from './routes.ts';
import { serveSpeak } from './speak.ts';
import { parseSpeakQuery } from './speak-query.ts';

/** Starts serving a connection once its WebSocket is open. */
type Serve = (socket: WebSocket, visit: Visit, requestId: string, fault: Fault) => void;

/** Deepgram's WebSockets: `/v1/listen` and `/v1/speak`. */
export function deepgramUpgrade(emulators: Emulators) {
  const { conduct, stats, voice, log } = emulators;
  const server = new WebSocketServer({ noServer: true });

  function parse(url: URL): { service: Service; serve: Serve } | undefined {
    if (url.pathname === '/v1/listen') {
      const options = parseListenQuery(url.searchParams);
      return {
        service: 'stt',
        serve: (socket, visit, requestId, fault) =>
          serveListen(socket, options, { ...emulators, visit, requestId, fault }),
      };
    }
    if (url.pathname === '/v1/speak') {
      const options = parseSpeakQuery(url.searchParams);
      return {
        service: 'tts',
        serve: (socket, visit, requestId, fault) =>
          serveSpeak(socket, options, { voice, conduct, visit, requestId, fault, log }),
      };
    }
    return undefined;
  }

  function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', (error) => log.debug({ err: error }, 'connection failed'));
    const requestId = randomUUID();
    const refuse = (status: number, message?: string) =>
      refuseUpgrade(socket, status, deepgramError(status, requestId, message));
    let asked;
    try {
      asked = parse(new URL(request.url ?? '/', 'http://rehearsal'));
    } catch (error) {
      refuse(400, describeProblem(error));
      return;
    }
    if (!asked) {
      refuse(404, 'Not Found');
      return;
    }
    const visit = stats.visit(asked.service, socket);
    socket.once('close', () => visit.closed());
    const failure = conduct.takeFailure(asked.service, 'deepgram');
    const next = misbehave(failure, socket, visit);
    if (next === 'stop') return;
    if (next !== 'serve') {
      refuse(next.status);
      return;
    }
    if (!isDeepgramKey(request.headers.authorization)) {
      visit.failed();
      refuse(401);
      return;
    }
    const { serve } = asked;
    server.handleUpgrade(request, socket, head, (opened) => {
      if (failure?.kind !== 'mute') serve(opened, visit, requestId, failure?.kind);
    });
  }

  return {
    upgrade,
    close() {
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}
