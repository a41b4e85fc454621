/**
 * LiveKit's agent worker protocol: protobuf messages over the WebSocket `/agent`
 * (livekit_agent.proto in livekit/protocol, pkg/agent/worker.go in livekit-server). The protocol
 * side of `@livekit/agents`' worker without its process per call.
 */
import { ServerMessage, WorkerMessage, WorkerStatus, JobType } from '@livekit/protocol';
import type { AvailabilityRequest, JobAssignment } from '@livekit/protocol';
import { AccessToken } from 'livekit-server-sdk';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import type { Reporter } from '../../reporting/reporter.ts';
import { backoff } from '../../config/backoff.ts';
import type { AgentConfig } from '../agent-config.ts';
import { HostPool } from './host-pool.ts';
import type { HostCounts } from './host-pool.ts';
import { RunningJobs, reportLost } from './running-jobs.ts';
import type { RunningJob } from './running-jobs.ts';

export interface WorkerOptions {
  readonly config: AgentConfig;
  readonly reporter: Reporter;
  readonly log: Logger;
  /** Of the agents SDK, shown by LiveKit's tools. */
  readonly sdkVersion: string;
}

const RECONNECT_MS = { first: 250, most: 5_000 };
/** The server takes a worker's load as current for about this long. */
const LOAD_INTERVAL_MS = 1_000;
/** The server's own limit for an answer is 7.5 s; an accepted job that it gave to another. */
const ASSIGNMENT_TIMEOUT_MS = 7_500;
/** How soon calls are missed whose host outlived its worker, or died with it. */
const LOST_JOBS_EVERY_MS = 2_000;
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Notices a server that is gone without a FIN. */
const PING_MS = 10_000;

type Message = NonNullable<ConstructorParameters<typeof WorkerMessage>[0]>['message'];

/** Registers under `config.agentName`, accepts calls while it has room, and refuses at once else. */
export class AgentWorker {
  readonly #options: WorkerOptions;
  readonly #pool: HostPool;
  readonly #stopping = new AbortController();
  /** Accepted, not yet assigned: job id to the timer that gives it up. */
  readonly #pending = new Map<string, NodeJS.Timeout>();
  readonly #runningJobs: RunningJobs;
  #lostJobs: NodeJS.Timeout | undefined;
  #socket: WebSocket | undefined;
  #id = '';
  /** Counts the times that we became full or free, and the last of them that LiveKit has answered. */
  readonly #availability = { is: false, changes: 0n, confirmed: -1n };
  #running: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#runningJobs = new RunningJobs(options.config.dataDir, options.log);
    this.#pool = new HostPool({
      ...options,
      onLost: (jobs, how) => {
        for (const { id } of jobs) this.#runningJobs.end(id);
        this.#onLost(jobs, `its process ${how}`);
      },
      onJobEnded: () => this.#sendLoad(),
      // LiveKit would otherwise take us for full until the next interval.
      onReady: () => this.#sendLoad(),
    });
  }

  /** LiveKit's name for it; undefined before it is registered. */
  get id(): string | undefined {
    return this.#id === '' ? undefined : this.#id;
  }

  get registered(): boolean {
    return this.#id !== '' && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** LiveKit knows us and whether we take calls: one that is dispatched now finds us. */
  get ready(): boolean {
    const { changes, confirmed } = this.#availability;
    if (this.#stopping.signal.aborted) return false;
    return this.registered && this.#pool.ready && confirmed === changes;
  }

  get activeJobs(): number {
    return this.#pool.activeJobs;
  }

  get hostHealth(): HostPool['health'] {
    return this.#pool.health;
  }

  get hosts(): HostCounts {
    return this.#pool.counts;
  }

  /** Calls that it would still take. */
  get free(): number {
    if (this.#stopping.signal.aborted || !this.#pool.ready) return 0;
    return Math.max(0, this.#options.config.worker.maxCalls - this.activeJobs - this.#pending.size);
  }

  /** Connects, and reconnects for as long as it takes. */
  start(): void {
    this.#running ??= this.#run();
    this.#lostJobs ??= setInterval(
      () => this.#onLost(this.#runningJobs.takeLost()),
      LOST_JOBS_EVERY_MS,
    );
  }

  /** Takes no more calls; resolves when the running ones have ended. */
  async drain(): Promise<void> {
    this.#stopping.abort();
    this.#sendLoad();
    await this.#pool.close();
    clearInterval(this.#lostJobs);
    this.#socket?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.#session(() => (failures = 0));
        if (!signal.aborted) log.warn('the connection to LiveKit was lost');
      } catch (error) {
        log.warn(
          { err: error, wait: backoff(RECONNECT_MS, failures) },
          'LiveKit cannot be reached',
        );
      }
      await delay(backoff(RECONNECT_MS, failures), undefined, { signal }).catch(() => undefined);
    }
  }

  /** One connection, from open to close. */
  async #session(onRegistered: () => void): Promise<void> {
    const { livekit, agentName } = this.#options.config;
    const token = new AccessToken(livekit.apiKey, livekit.apiSecret);
    token.addGrant({ agent: true });
    const url = new URL('agent', livekit.url.replace(/^http/, 'ws').replace(/\/?$/, '/'));
    const socket = new WebSocket(url, {
      headers: { authorization: `Bearer ${await token.toJwt()}` },
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    const timers: NodeJS.Timeout[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        let alive = true;
        socket.once('error', reject);
        socket.once('close', () => resolve());
        socket.on('pong', () => (alive = true));
        socket.on('message', (data: Buffer) => this.#onMessage(data, onRegistered));
        socket.once('open', () => {
          this.#socket = socket;
          this.#send({
            case: 'register',
            value: {
              type: JobType.JT_ROOM,
              agentName,
              version: this.#options.sdkVersion,
              allowedPermissions: {
                canPublish: true,
                canSubscribe: true,
                canPublishData: true,
                canUpdateMetadata: true,
                agent: true,
              },
            },
          });
          timers.push(
            setInterval(() => this.#sendLoad(), LOAD_INTERVAL_MS),
            setInterval(() => {
              if (!alive) socket.terminate();
              alive = false;
              socket.ping();
            }, PING_MS),
          );
        });
      });
    } finally {
      for (const timer of timers) clearInterval(timer);
      this.#id = '';
      socket.terminate();
    }
  }

  #onMessage(data: Buffer, onRegistered: () => void): void {
    const { log } = this.#options;
    const { message } = ServerMessage.fromBinary(data);
    switch (message.case) {
      case 'register':
        this.#id = message.value.workerId;
        this.#availability.confirmed = -1n;
        log.info({ workerId: this.#id }, 'registered with LiveKit');
        onRegistered();
        this.#sendLoad();
        break;
      case 'availability':
        this.#onAvailability(message.value);
        break;
      case 'assignment':
        this.#onAssignment(message.value);
        break;
      case 'termination':
        this.#pool.terminate(message.value.jobId);
        break;
      case 'pong':
        this.#availability.confirmed = message.value.lastTimestamp;
        break;
      default:
        break; // what later servers add
    }
  }

  #onAvailability({ job }: AvailabilityRequest): void {
    if (!job) return;
    const available = this.free > 0;
    if (!available) this.#options.log.warn({ jobId: job.id }, 'a call is refused, no room for it');
    else {
      const giveUp = () => {
        this.#pending.delete(job.id);
        this.#sendLoad();
      };
      this.#pending.set(job.id, setTimeout(giveUp, ASSIGNMENT_TIMEOUT_MS));
    }
    this.#send({
      case: 'availability',
      value: {
        jobId: job.id,
        available,
        participantIdentity: `agent-${job.id}`,
        participantAttributes: { 'lk.agent.name': this.#options.config.agentName },
      },
    });
    if (this.free === 0) this.#sendLoad();
  }

  #onAssignment({ job, url, token }: JobAssignment): void {
    if (!job?.room) return;
    clearTimeout(this.#pending.get(job.id));
    if (!this.#pending.delete(job.id)) return;
    const launched = this.#pool.launch({
      id: job.id,
      workerId: this.#id,
      room: { name: job.room.name, sid: job.room.sid },
      metadata: job.metadata,
      url: url ?? this.#options.config.livekit.url,
      token,
    });
    if (!launched) this.#options.log.error({ jobId: job.id }, 'a call found no host');
  }

  #onLost(jobs: readonly RunningJob[], detail?: string): void {
    reportLost(jobs, this.#options.reporter, detail);
    this.#sendLoad();
  }

  /** The ping behind it is answered when the load has been read. */
  #sendLoad(): void {
    if (!this.registered) return;
    const { free } = this;
    if (this.#availability.is !== free > 0) {
      this.#availability.is = free > 0;
      this.#availability.changes += 1n;
    }
    this.#send({
      case: 'updateWorker',
      value: {
        status: free > 0 ? WorkerStatus.WS_AVAILABLE : WorkerStatus.WS_FULL,
        load: 1 - free / this.#options.config.worker.maxCalls,
        jobCount: this.activeJobs,
      },
    });
    this.#send({ case: 'ping', value: { timestamp: this.#availability.changes } });
  }

  #send(message: Message): void {
    if (this.#socket?.readyState !== WebSocket.OPEN || !message) return;
    this.#socket.send(new WorkerMessage({ message }).toBinary());
  }
}
