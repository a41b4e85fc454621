import type { Config, HostPort } from '../config/config.ts';
import { urlOf } from '../config/addresses.ts';
import { findFreePorts, probeTcp, probeUdp } from './free-ports.ts';

/** A call service on this machine answers at once, ms. */
const ANSWER_MS = 1_000;

/** Every port of a stack; livekit-server's media takes the second after its own (UDP). */
export interface StackPorts {
  readonly livekit: number;
  readonly http: number;
  readonly worker: number;
  readonly sip: number;
  readonly ingress: number;
  readonly rehearsal: number;
  /** Even first to odd last, inclusive. */
  readonly rtp: { readonly from: number; readonly to: number };
}

/** Ports of a stack beside others, for tests and benchmarks. `calls`: room for as many at once. */
export async function findStackPorts(calls = 20): Promise<StackPorts> {
  const first = await findFreePorts(8 + 2 * calls);
  return {
    livekit: first,
    http: first + 3,
    worker: first + 4,
    sip: first + 5,
    ingress: first + 6,
    rehearsal: first + 7,
    rtp: { from: first + 8, to: first + 7 + 2 * calls },
  };
}

/** The settings that put a stack on these ports. */
export function stackPortsEnv(ports: StackPorts): Record<string, string> {
  return {
    LIVEKIT_URL: `ws://127.0.0.1:${ports.livekit}`,
    TRUNKLINE_HTTP_PORT: String(ports.http),
    TRUNKLINE_WORKER_PORT: String(ports.worker),
    TRUNKLINE_SIP_PORT: String(ports.sip),
    TRUNKLINE_INGRESS_PORT: String(ports.ingress),
    TRUNKLINE_REHEARSAL_PORT: String(ports.rehearsal),
    TRUNKLINE_SIP_RTP_PORTS: `${ports.rtp.from}-${ports.rtp.to}`,
  };
}

interface Listener {
  readonly what: string;
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
  readonly setting: string;
}

/**
 * One sentence for each port that cannot be had, or one for all where another stack has them; empty
 * when a stack can start.
 * @param names of the processes that are to listen
 */
export async function checkPorts(config: Config, names: ReadonlySet<string>): Promise<string[]> {
  const all = listeners(config, names);
  const problems = await Promise.all(
    all.map(async ({ what, protocol, host, port, setting }, index) => {
      const place = `${protocol.toUpperCase()} port ${port} of ${host} (${what})`;
      const same = (other: Listener) =>
        other.protocol === protocol && other.host === host && other.port === port;
      const first = all.findIndex(same);
      if (first < index) return `${place} is that of ${all[first]?.what} too: set ${setting}.`;
      try {
        await (protocol === 'tcp' ? probeTcp(port, host) : probeUdp(port, host));
        return undefined;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EADDRINUSE') {
          return `${place} is taken: stop what listens there, or set ${setting}.`;
        }
        if (code === 'EADDRNOTAVAIL') {
          return (
            `${host} (${what}) is no address of this machine: listen on one that is, and where it ` +
            'is reached by another (NAT), name that one in TRUNKLINE_SIP_ADVERTISED_ADDRESS.'
          );
        }
        return `${place} cannot be used (${code}): set ${setting}.`;
      }
    }),
  );
  const found = problems.filter((problem) => problem !== undefined);
  const url = urlOf(config.http);
  if (found.length === 0 || !names.has('api') || !(await isTrunkline(url))) return found;
  return [
    `Trunkline runs already (${url}): stop it first, or give this one ports and a data folder of ` +
      `its own (docs/configuration.md).`,
  ];
}

/** Whether a call service listens there. */
async function isTrunkline(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    const body: unknown = await response.json();
    return Object(body).service === 'trunkline';
  } catch {
    return false;
  }
}

function listeners(config: Config, names: ReadonlySet<string>): Listener[] {
  const { sip, worker, http, providers } = config;
  const livekit = { host: '127.0.0.1', port: livekitPort(config) };
  const byProcess: Record<string, Listener[]> = {
    livekit: [
      tcp('livekit-server', livekit, 'LIVEKIT_URL'),
      udp('livekit-server, media', { ...livekit, port: rtcPort(livekit.port) }, 'LIVEKIT_URL'),
    ],
    api: [tcp('the call service', http, 'TRUNKLINE_HTTP_PORT')],
    agent: [tcp('the agent worker', worker.health, 'TRUNKLINE_WORKER_PORT')],
    ingress: [
      tcp('the ingress, health', sip.health, 'TRUNKLINE_INGRESS_PORT'),
      udp('SIP', sip, 'TRUNKLINE_SIP_PORT'),
      tcp('SIP', sip, 'TRUNKLINE_SIP_PORT'),
    ],
    rehearsal: [tcp('the rehearsal providers', providers.rehearsal, 'TRUNKLINE_REHEARSAL_PORT')],
  };
  return Object.entries(byProcess).flatMap(([name, all]) => (names.has(name) ? all : []));
}

function tcp(what: string, { host, port }: HostPort, setting: string): Listener {
  return { what, protocol: 'tcp', host, port, setting };
}

function udp(what: string, { host, port }: HostPort, setting: string): Listener {
  return { what, protocol: 'udp', host, port, setting };
}

/** Of `config.livekit.url`. */
export function livekitPort(config: Config): number {
  const { protocol, port } = new URL(config.livekit.url);
  return Number(port) || (protocol === 'wss:' ? 443 : 80);
}

/** Where livekit-server takes media, beside its port for signalling: 7882 for 7880, as is usual. */
export function rtcPort(livekit: number): number {
  return livekit + 2;
}
