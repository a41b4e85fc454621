import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { initializeLogger, llm, voice } from '@livekit/agents';
import { LLM } from '@livekit/agents-plugin-openai';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Line } from '../config/config.ts';
import { CallAgent } from './call-agent.ts';

const LINE = {
  language: 'en',
  timeZone: 'Asia/Yekaterinburg',
  agent: { instructions: 'You answer the telephone of a restaurant.' },
} as Line;

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

interface Message {
  readonly role: string;
  readonly content: string;
}

/** A model that answers request after request with these deltas, and keeps what it was asked. */
async function converse(answers: object[][], tools: llm.FunctionTool[] = []) {
  const requests: Message[][] = [];
  const server = createServer((request, response) => {
    if (request.method !== 'POST') response.end(); // the client warms up its connection
    else void answer(request, response);
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const piece of request) body += String(piece);
    requests.push((JSON.parse(body) as { messages: Message[] }).messages);
    const deltas = answers[requests.length - 1] ?? [{ content: 'Yes.' }];
    const chunks = deltas.map((delta) => ({
      choices: [{ index: 0, delta, finish_reason: null }],
    }));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const chunk of chunks) {
      response.write(`data: ${JSON.stringify({ id: 'chat', object: 'chunk', ...chunk })}\n\n`);
    }
    const last = { id: 'chat', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
    response.end(`data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`);
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const session = new voice.AgentSession({ llm: new LLM({ apiKey: 'key', baseURL, model: 'm' }) });
  await session.start({ agent: new CallAgent(LINE, tools), record: false });
  onTestFinished(async () => {
    await session.close();
    server.close();
    server.closeAllConnections();
  });
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
