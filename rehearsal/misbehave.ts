import type { Duplex } from 'node:stream';
import type { Failure } from './settings.ts';
import type { Visit } from './stats.ts';

/** What is left to do for the caller of `misbehave`. */
export type Misbehaviour = 'serve' | 'stop' | { readonly status: number };

/**
 * Does what a failure says to a request's connection.
 * @returns `serve`: go on (a `cut` will drop the connection later); `stop`: the request is dealt
 * with; a status: answer with that error
 */
export function misbehave(
  failure: Failure | undefined,
  socket: Duplex & { resetAndDestroy?: () => unknown },
  visit: Visit,
): Misbehaviour {
  if (!failure) return 'serve';
  visit.failed();
  switch (failure.kind) {
    case 'status':
      return { status: failure.status };
    case 'refuse':
      if (socket.resetAndDestroy) socket.resetAndDestroy();
      else socket.destroy();
      return 'stop';
    case 'hang':
      return 'stop';
    case 'cut': {
      const timer = setTimeout(() => socket.destroy(), failure.afterMs);
      socket.once('close', () => clearTimeout(timer));
      return 'serve';
    }
    case 'mute':
    case 'stall':
    case 'endless':
    case 'wordless':
    case 'empty':
    case 'silent':
    case 'first':
      return 'serve';
    default:
      return failure.kind satisfies never;
  }
}
