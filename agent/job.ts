import { voice } from '@livekit/agents';
import {
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import type { RemoteParticipant } from '@livekit/rtc-node';
import { RoomServiceClient } from 'livekit-server-sdk';
import type { Logger } from 'pino';
import type { Reporter } from '../calls/reporter.ts';
import type { Correlation, ReportBody } from '../calls/reports.ts';
import type { Config, Line } from '../config/config.ts';
import { CallerAudio } from './caller-audio.ts';
import { callStatus, chooseLine, waitForAnswer, waitForCaller } from './caller.ts';
import { reportConversation, usageOf } from './conversation-reports.ts';
import { fromCallerLeft, fromRoomDisconnect } from './ending.ts';
import type { Ending } from './ending.ts';
import { asFrames } from './spoken-texts.ts';
import type { SpokenTexts } from './spoken-texts.ts';
import { TTS_SAMPLE_RATE } from './providers.ts';
import type { Providers } from './providers.ts';
import { createAgent, createSession } from './session.ts';
import { endCallTool } from './tools.ts';

/** What the worker hands to a host for one call. */
export interface JobInfo {
  readonly id: string;
  readonly workerId: string;
  readonly room: { readonly name: string; readonly sid: string };
  readonly metadata: string;
  readonly url: string;
  readonly token: string;
}

export interface JobDependencies {
  readonly config: Config;
  readonly reporter: Reporter;
  readonly providers: Providers;
  readonly spokenTexts: SpokenTexts;
  readonly log: Logger;
}

/** A dispatch into a room that no caller ever enters is given up after this, ms. */
const CALLER_TIMEOUT_MS = 60_000;
/** A phone that keeps ringing although the agent is there; carriers give up after 60 to 180 s. */
const ANSWER_TIMEOUT_MS = 180_000;
/** Closing a session may wait for a provider that hangs; the call's record must not. */
const CLOSE_TIMEOUT_MS = 5_000;
/** Of audio handed to the track in advance; interrupting clears it. */
const PLAYOUT_QUEUE_MS = 200;

/**
 * One call, from the agent joining the room to its last report. Resolves when all is reported;
 * never rejects. `signal` aborts the call (the server terminated the job).
 */
export async function runJob(
  info: JobInfo,
  deps: JobDependencies,
  signal: AbortSignal,
): Promise<void> {
  const log = deps.log.child({ jobId: info.id });
  const call: Correlation = {
    roomName: info.room.name,
    roomSid: info.room.sid,
    jobId: info.id,
    workerId: info.workerId,
  };
  const report = (body: ReportBody, at?: Date) => deps.reporter.report(call, body, at);
  const ended = Promise.withResolvers<Ending>();
  const over = new AbortController();
  void ended.promise.then(() => over.abort(new Error('the call is over')));
  const onAbort = () =>
    ended.resolve({ endedBy: 'system', endReason: 'service_lost', detail: 'terminated' });
  signal.addEventListener('abort', onAbort, { once: true });

  const room = new Room();
  room.on(RoomEvent.Disconnected, (reason) => ended.resolve(fromRoomDisconnect(reason)));
  let session: voice.AgentSession | undefined;
  try {
    await room.connect(info.url, info.token, { autoSubscribe: true, dynacast: false });
    const speaker = publishVoice(room, over.signal, log);
    const caller = await waitForCaller(
      room,
      AbortSignal.any([over.signal, AbortSignal.timeout(CALLER_TIMEOUT_MS)]),
    );
    call.participantSid = caller.sid;
    if (caller.attributes['sip.callID']) call.sipCallId = caller.attributes['sip.callID'];
    room.on(RoomEvent.ParticipantDisconnected, (participant) => {
      if (participant.identity !== caller.identity) return;
      ended.resolve(fromCallerLeft(participant.disconnectReason, callStatus(participant)));
    });

    const line = chooseLine(deps.config, info.metadata, caller.attributes);
    if (!line) throw new Error('no line has the number that was dialled');
    report({
      type: 'agent.started',
      data: {
        agentName: deps.config.agentName,
        profile: line.agent.name,
        profileVersion: line.agent.version,
        line: line.name,
        pipeline: 'cascade',
      },
    });
    session = createSession(line, deps.providers);
    reportConversation(session, report);
    session.on(voice.AgentSessionEventTypes.Close, ({ error }) => {
      if (error) {
        ended.resolve({ endedBy: 'system', endReason: 'provider_failure', detail: error.type });
      }
    });
    session.output.audio = speaker;
    session.input.audio = listenToCaller(room, caller, log);
    speaker.once(voice.AudioOutput.EVENT_PLAYBACK_STARTED, () =>
      report({ type: 'agent.first_audio', data: {} }),
    );
    const hangUp = (ending: Ending) => ended.resolve(ending);
    await session.start({
      agent: createAgent(line, [
        endCallTool(() => hangUp({ endedBy: 'agent', endReason: 'agent_hangup' })),
      ]),
      record: false,
    });
    await waitForAnswer(
      room,
      caller,
      AbortSignal.any([over.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    );
    await greet(session, line, deps, log);
    watchLimits(session, line, hangUp, over.signal);
    await ended.promise;
  } catch (error) {
    if (!over.signal.aborted) {
      log.error({ error }, 'the call failed');
      ended.resolve({
        endedBy: 'system',
        endReason: room.isConnected ? 'no_answer' : 'service_lost',
        detail: String((error as Error).message),
      });
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    const ending = await ended.promise;
    // Before anything that may hang or be killed: what must not be lost is written first.
    if (session) report({ type: 'usage', data: { models: usageOf(session) } });
    report({ type: 'agent.ended', data: ending });
    log.info({ ...ending }, 'the call ended');
    await leave(room, session, ending, deps.config, log);
  }
}

/** Publishes at once: the ingress answers the phone when this track is live. */
function publishVoice(room: Room, signal: AbortSignal, log: Logger): voice.ParticipantAudioOutput {
  const speaker = new voice.ParticipantAudioOutput(room, {
    sampleRate: TTS_SAMPLE_RATE,
    numChannels: 1,
    queueSizeMs: PLAYOUT_QUEUE_MS,
    trackPublishOptions: new TrackPublishOptions({
      source: TrackSource.SOURCE_MICROPHONE,
      dtx: false, // a gap at the start of each reply would cost the first syllable
      red: false, // between servers, not over a radio link
    }),
  });
  speaker.start(signal).catch((error: unknown) => log.error({ error }, 'the voice track failed'));
  return speaker;
}

function listenToCaller(room: Room, caller: RemoteParticipant, log: Logger): CallerAudio {
  const audio = new CallerAudio();
  const listen = (track: Parameters<CallerAudio['listenTo']>[0]) => {
    audio.listenTo(track).catch((error: unknown) => log.error({ error }, 'cannot hear the caller'));
  };
  room.on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
    if (participant.identity === caller.identity && track.kind === TrackKind.KIND_AUDIO) {
      listen(track);
    }
  });
  for (const { track, kind } of caller.trackPublications.values()) {
    if (track && kind === TrackKind.KIND_AUDIO) listen(track);
  }
  return audio;
}

async function greet(
  session: voice.AgentSession,
  line: Line,
  { spokenTexts }: JobDependencies,
  log: Logger,
): Promise<void> {
  const { greeting } = line.agent;
  if (!('text' in greeting)) throw new Error('a wav greeting is not supported yet');
  try {
    const samples = await spokenTexts.samples(line.agent, greeting.text);
    session.say(greeting.text, { audio: asFrames(samples) });
  } catch (error) {
    log.warn({ error }, 'the greeting is not ready, it is synthesised in the call');
    session.say(greeting.text);
  }
}

function watchLimits(
  session: voice.AgentSession,
  line: Line,
  hangUp: (ending: Ending) => void,
  signal: AbortSignal,
): void {
  const timer = setTimeout(
    () => hangUp({ endedBy: 'system', endReason: 'max_duration' }),
    line.agent.limits.maxDurationSeconds * 1000,
  );
  signal.addEventListener('abort', () => clearTimeout(timer));
  session.on(voice.AgentSessionEventTypes.UserStateChanged, ({ newState }) => {
    if (newState === 'away') hangUp({ endedBy: 'agent', endReason: 'idle' });
  });
}

/** Frees everything, and hangs up the phone when it was not the caller who did. */
async function leave(
  room: Room,
  session: voice.AgentSession | undefined,
  ending: Ending,
  config: Config,
  log: Logger,
): Promise<void> {
  const { url, apiKey, apiSecret } = config.livekit;
  const roomName = room.name;
  const othersRemain = room.isConnected && room.remoteParticipants.size > 0;
  const roomIsGone = ending.endReason === 'room_deleted';
  const rooms = new RoomServiceClient(url.replace(/^ws/, 'http'), apiKey, apiSecret);
  await Promise.allSettled([
    (othersRemain || ending.endedBy === 'caller') && roomName && !roomIsGone
      ? rooms.deleteRoom(roomName)
      : undefined,
    session && Promise.race([close(session), timeout(CLOSE_TIMEOUT_MS)]),
  ]);
  await Promise.race([room.disconnect(), timeout(CLOSE_TIMEOUT_MS)]).catch((error: unknown) =>
    log.warn({ error }, 'leaving the room failed'),
  );
}

async function close(session: voice.AgentSession): Promise<void> {
  await session.close();
  await Promise.allSettled([session.stt?.close(), session.tts?.close()]);
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
