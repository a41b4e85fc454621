import { afterAll, afterEach, beforeAll } from 'vitest';
import { startTestStack } from './start-test-stack.ts';
import type { TestStack, TestStackOptions } from './start-test-stack.ts';

/**
 * One stack for all tests of a file; when one of them fails, the ends of its logs are printed.
 * @returns the stack, once tests run
 */
export function useTestStack(options: TestStackOptions = {}): () => TestStack {
  let stack: TestStack | undefined;
  beforeAll(async () => {
    stack = await startTestStack(options);
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(stack?.logTails() ?? '');
  });
  afterAll(async () => {
    await stack?.stop();
  });
  return () => {
    if (!stack) throw new Error('the stack is there only while tests run');
    return stack;
  };
}
