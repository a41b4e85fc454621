import { randomUUID } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import Fastify from 'fastify';
import { type Logger, pino } from 'pino';
import { Conduct } from './conduct.ts';
import { deepgramRoutes } from './deepgram/routes.ts';
import { deepgramUpgrade } from './deepgram/upgrade.ts';
import { deskLines } from './desk/desk.ts';
import type { Emulators } from './emulators.ts';
import { openAiRoutes } from './openai/routes.ts';
import { loadPhraseBook } from './recogniser/load-phrase-book.ts';
import { rehearsalRoutes } from './rehearsal-routes.ts';
import type { Settings, SettingsPatch } from './settings.ts';
import { Stats, type ServiceStats } from './stats.ts';
import { Voice } from './voice/voice.ts';

/** A recording sent to `/v1/listen`, bytes. */
const BODY_LIMIT = 32 * 1024 * 1024;
/** Deepgram closes a stream that gets neither audio nor KeepAlive for 10 s. */
const DEEPGRAM_IDLE_MS = 10_000;

export interface RehearsalOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Folder that keeps rendered speech. */
  readonly dataDir: string;
  readonly settings?: SettingsPatch | undefined;
  /** How long Deepgram waits for audio or KeepAlive, ms; 10 s unless a test is in a hurry. */
  readonly idleLimitMs?: number | undefined;
  readonly log?: Logger | undefined;
}

/** The rehearsal providers: Deepgram's and OpenAI's wire protocols on one port. */
export interface Rehearsal {
  /** Base URL for Deepgram's and (with `/v1`) OpenAI's clients. */
  readonly url: string;
  readonly settings: Settings;
  readonly stats: Readonly<Record<keyof Settings, Readonly<ServiceStats>>>;
  change(patch: SettingsPatch): Settings;
  /** Drops every open connection; may be called twice. */
  close(): Promise<void>;
}

/**
 * Starts the rehearsal providers; resolves when they listen and know the phrase book (at the very
 * first start its sounds are rendered, which takes seconds).
 * @throws Error with `code` EADDRINUSE when the port is taken
 */
export async function createRehearsal(options: RehearsalOptions): Promise<Rehearsal> {
  const log = options.log ?? pino({ level: 'silent' });
  const voice = new Voice(options.dataDir);
  const conduct = new Conduct(options.settings);
  const recogniser = await loadPhraseBook(voice);
  const emulators: Emulators = {
    conduct,
    stats: new Stats(),
    voice,
    recogniser,
    idleLimitMs: options.idleLimitMs ?? DEEPGRAM_IDLE_MS,
    log,
  };

  const app = Fastify({ bodyLimit: BODY_LIMIT, genReqId: () => randomUUID() });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  rehearsalRoutes(app, emulators);
  openAiRoutes(app, emulators);
  deepgramRoutes(app, emulators);
  const sockets = deepgramUpgrade(emulators);
  app.server.on('upgrade', (request, socket, head) => {
    sockets.upgrade(request, socket as Socket, head);
  });

  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    await voice.close();
    throw error;
  }
  void warmUp(voice).catch((error: unknown) => {
    log.debug({ err: error }, 'lines were not rendered beforehand');
  });
  const { port } = app.server.address() as AddressInfo;
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    sockets.close();
    emulators.stats.disconnectAll();
    app.server.closeAllConnections();
    await app.close();
    await voice.close();
  }

  return {
    url: `http://${options.host}:${port}`,
    get settings() {
      return conduct.settings;
    },
    get stats() {
      return emulators.stats.services;
    },
    change: (patch) => conduct.change(patch),
    close: () => (closing ??= close()),
  };
}

/** Renders what the desk always says, so that a first call is as quick as the next. */
async function warmUp(voice: Voice): Promise<void> {
  for (const text of deskLines()) {
    await voice.speak(text, { speaker: 'agent', sampleRate: 24_000 });
  }
}
