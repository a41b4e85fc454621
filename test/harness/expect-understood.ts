import { expect } from 'vitest';
import { UNKNOWN_TEXT } from '../../rehearsal/recogniser/recogniser.ts';

/** Of one or two utterances none may be lost, of more one in ten, rounded up. */
const FEW = 3;
const SHARE = 0.1;

/**
 * The one rule of what a recogniser must have understood: these `texts`, in this order, and no
 * others. A starved machine may damage a few beyond recognition, and one of those be heard as two.
 */
export function expectUnderstood(heard: readonly string[], texts: readonly string[]): void {
  const known = heard.filter((text) => text !== UNKNOWN_TEXT);
  const inOrder: string[] = [];
  for (const text of texts) if (text === known[inOrder.length]) inOrder.push(text);
  expect(known).toEqual(inOrder);
  const lost = texts.length - known.length;
  const allowed = texts.length < FEW ? 0 : Math.ceil(texts.length * SHARE);
  expect(lost, `beyond recognition in ${JSON.stringify(heard)}`).toBeLessThanOrEqual(allowed);
  const unknown = heard.length - known.length;
  expect(unknown, 'all were heard').toBeGreaterThanOrEqual(lost);
  expect(unknown, 'no others were heard').toBeLessThanOrEqual(2 * lost);
}
