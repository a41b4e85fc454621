import { afterAll, beforeAll } from 'vitest';
import { Voice } from '../../rehearsal/voice/voice.ts';
import type { TestStack } from './start-test-stack.ts';

/**
 * One voice for all tests of a file, beside its stack.
 * @returns the voice, once tests run
 */
export function useVoice(stackOf: () => TestStack): () => Voice {
  let voice: Voice | undefined;
  beforeAll(() => {
    voice = new Voice(stackOf().dataDir);
  });
  afterAll(() => voice?.close());
  return () => {
    if (!voice) throw new Error('the voice is there only while tests run');
    return voice;
  };
}
