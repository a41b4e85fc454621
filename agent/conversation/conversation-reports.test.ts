import { initializeLogger, voice } from '@livekit/agents';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { ReportBody } from '../../calls/reports.ts';
import type { Line } from '../../config/config.ts';
import { CallAgent } from './call-agent.ts';
import { reportConversation } from './conversation-reports.ts';
import { serveModel } from '../fixtures/model-server.ts';

const LINE = {
  language: 'en',
  timeZone: 'UTC',
  agent: { instructions: 'You answer the telephone of a restaurant.' },
} as Line;

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

test('what was heard is what the agent has said, on the record and to the model', async () => {
  const answers = ['We are open from Tuesday to Sunday.', 'Unheard.', 'Yes.'];
  const { model, requests } = await serveModel(answers.map((content) => [{ content }]));
  const session = new voice.AgentSession({ llm: model });
  const heard = ['We are open', '', undefined];
  const turns: string[] = [];
  const report = (body: ReportBody) => {
    if (body.type === 'turn' && body.data.who === 'agent') turns.push(body.data.text);
  };
  reportConversation(session, { takeSaid: () => heard.shift() }, report);
  await session.start({ agent: new CallAgent(LINE, []), record: false });
  onTestFinished(() => session.close());
  for (const userInput of ['When are you open?', 'Pardon?', 'Are you there?']) {
    await session.generateReply({ userInput }).waitForPlayout();
  }
  expect(turns).toEqual(['We are open', 'Yes.']);
  const history = requests[2]?.filter(({ role }) => role !== 'system');
  expect(history?.map(({ content }) => content)).toEqual([
    'When are you open?',
    'We are open',
    'Pardon?',
    'Are you there?',
  ]);
});
