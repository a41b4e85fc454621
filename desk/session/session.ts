import { signal } from '@preact/signals';
import { TrunklineError } from '../../client/index.ts';
import type { Session } from '../../client/index.ts';
import { api } from '../api.ts';

/** `undefined` while it is not known; `null` when nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);
/** Why signing in did not work, for the page that asks for a key. */
export const refusal = signal<string | undefined>(undefined);

/** By the link that the address may be (its fragment goes nowhere), else by the cookie. */
export async function resume(): Promise<void> {
  const token = /^#sign-in=(.+)$/.exec(location.hash)?.[1];
  if (token !== undefined) {
    history.replaceState(null, '', location.pathname);
    await begin({ token });
    if (session.value) return;
  }
  try {
    session.value = await api.session.get();
    refusal.value = undefined;
  } catch (error) {
    session.value = null;
    if (!(error instanceof TrunklineError && error.status === 401))
      refusal.value = sentenceOf(error);
  }
}

export async function begin(by: { token: string } | { apiKey: string }): Promise<void> {
  try {
    session.value = await api.session.begin(by);
    refusal.value = undefined;
  } catch (error) {
    session.value = null;
    refusal.value = sentenceOf(error);
  }
}

export async function end(): Promise<void> {
  await api.session.end();
  session.value = null;
}

/** Whether the session may do what needs that scope. */
export function may(scope: 'read' | 'operate' | 'admin'): boolean {
  const order = ['read', 'operate', 'admin'];
  return order.indexOf(session.value?.scope ?? '') >= order.indexOf(scope);
}

/** What a person has to know of it. */
export function sentenceOf(error: unknown): string {
  if (error instanceof TrunklineError) {
    if (error.status === 401) void lost();
    return error.message;
  }
  return 'The call service does not answer. Is it running? `npm start` starts it.';
}

/** The session is over, or its key is gone. */
async function lost(): Promise<void> {
  if (session.value) session.value = null;
}
