import type { Socket } from 'node:net';
import type { Service } from './settings.ts';

export interface ServiceStats {
  /** Requests and WebSocket connections so far. */
  requests: number;
  /** Those that met a failure that was asked for. */
  failed: number;
  /** Served to the end. */
  completed: number;
  /** Given up by the client before the end (or cleared, for speech). */
  cancelled: number;
  /** Connections that are being served now. */
  open: number;
}

/** One request that is being served. */
export interface Visit {
  failed(): void;
  completed(): void;
  cancelled(): void;
  /** The connection has ended; without `completed` before it, it counts as cancelled. */
  closed(): void;
}

/** What was asked of the emulators, and the connections that are open. */
export class Stats {
  readonly #services: Record<Service, ServiceStats> = { stt: zero(), llm: zero(), tts: zero() };
  readonly #sockets: Record<Service, Set<Socket>> = {
    stt: new Set(),
    llm: new Set(),
    tts: new Set(),
  };

  get services(): Readonly<Record<Service, Readonly<ServiceStats>>> {
    return this.#services;
  }

  /** Counts a request; call `closed` when its connection or answer has ended. */
  visit(service: Service, socket: Socket): Visit {
    const counts = this.#services[service];
    const sockets = this.#sockets[service];
    counts.requests++;
    counts.open++;
    sockets.add(socket);
    let outcome: 'failed' | 'completed' | undefined;
    let open = true;
    return {
      failed() {
        outcome = 'failed';
      },
      completed() {
        outcome ??= 'completed';
      },
      cancelled() {
        counts.cancelled++;
      },
      closed() {
        if (!open) return;
        open = false;
        counts.open--;
        sockets.delete(socket);
        counts[outcome ?? 'cancelled']++;
      },
    };
  }

  /** Drops everything, served or left hanging. */
  disconnectAll(): void {
    this.disconnect('stt');
    this.disconnect('llm');
    this.disconnect('tts');
  }

  /** Resets every open connection of a service, as a provider's outage does. */
  disconnect(service: Service): number {
    const sockets = [...this.#sockets[service]];
    for (const socket of sockets) socket.destroy();
    return sockets.length;
  }
}

function zero(): ServiceStats {
  return { requests: 0, failed: 0, completed: 0, cancelled: 0, open: 0 };
}
