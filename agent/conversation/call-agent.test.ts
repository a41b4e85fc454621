import { initializeLogger, llm, voice } from '@livekit/agents';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Line } from '../../config/config.ts';
import { CallAgent } from './call-agent.ts';
import { serveModel } from '../fixtures/model-server.ts';

const LINE = {
  language: 'en',
  timeZone: 'Asia/Yekaterinburg',
  agent: { instructions: 'You answer the telephone of a restaurant.' },
} as Line;

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

/** What a model is asked that answers request after request with these deltas. */
async function converse(answers: object[][], tools: llm.FunctionTool[] = []) {
  const { model, requests } = await serveModel(answers);
  const session = new voice.AgentSession({ llm: model });
  await session.start({ agent: new CallAgent(LINE, tools), record: false });
  onTestFinished(() => session.close());
  await session.generateReply({ userInput: 'A table for tomorrow.' }).waitForPlayout();
  return requests;
}

test('the model is told date, time and zone of the line with every request', async () => {
  const [first = []] = await converse([]);
  expect(first.map(({ role }) => role)).toEqual(['system', 'system', 'user']);
  const now = new Intl.DateTimeFormat('en-GB', { timeZone: LINE.timeZone, dateStyle: 'full' });
  expect(first[1]?.content).toBe(
    `It is ${now.format()}, ${first[1]?.content.match(/\d\d:\d\d/)?.[0]} (Asia/Yekaterinburg, GMT+05:00).`,
  );
});

/** The model calls `book`, with these characters for arguments. */
function callWith(given: string): object[] {
  const call = { name: 'book', arguments: given };
  return [{ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: call }] }];
}

test('arguments that were cut off call no tool: the model is told', async () => {
  const called: unknown[] = [];
  const book = llm.tool({
    name: 'book',
    description: 'Books a table.',
    parameters: z.object({ name: z.string().optional() }),
    execute: async (given) => void called.push(given),
  }) as llm.FunctionTool;
  const requests = await converse(
    [callWith('{"name": "Ann'), callWith('{"name": "Anna"}')],
    [book],
  );
  expect(called).toEqual([{ name: 'Anna' }]);
  const answer = requests[1]?.at(-1);
  expect(answer).toMatchObject({ role: 'tool', tool_call_id: 'call_1' });
  expect(answer?.content).toContain('Invalid arguments for book');
  expect(requests[1]?.filter(({ content }) => content?.startsWith('It is '))).toHaveLength(1);
});
