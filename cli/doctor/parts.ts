import { readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { urlOf } from '../../config/addresses.ts';
import { findLine } from '../../config/config.ts';
import type { ProviderConfig } from '../../config/config.ts';
import { toE164 } from '../../config/e164.ts';
import { unwritable } from '../../config/data-folder.ts';
import { createClient } from '../../client/index.ts';
import { localApiKey } from '../../config/local-api-key.ts';
import { makeFolder } from '../../config/make-folder.ts';
import { checkPorts } from '../stack-ports.ts';
import { ask, fail, pass, skip, warn } from './finding.ts';
import type { Check, Finding } from './finding.ts';

const MIB = 1024 * 1024;
const LITTLE_MIB = 1024;
const TOO_LITTLE_MIB = 100;
/** Tokens are good for a minute with 10 s to spare; webhooks are dated to the second, s. */
const SKEW_SECONDS = { warn: 5, fail: 30 } as const;

export const disk: Check = {
  name: 'data folder',
  async run({ dataDir }) {
    try {
      makeFolder(dataDir);
    } catch (error) {
      return fail(unwritable(error, new Map()).message);
    }
    const { bavail, bsize } = statfsSync(dataDir);
    const free = Math.floor((bavail * bsize) / MIB);
    const message = `${free} MiB are free in ${dataDir}.`;
    if (free < TOO_LITTLE_MIB) return fail(message, 'Make room: calls go on, their records wait.');
    return free < LITTLE_MIB ? warn(message, 'Make room before it is full.') : pass(message);
  },
};

export const clock: Check = {
  name: 'clock',
  async run({ livekit, callServiceUrl }) {
    const asked = Date.now();
    for (const url of [livekit.url.replace(/^ws/, 'http'), callServiceUrl]) {
      const answer = await ask(url);
      const date = answer instanceof Error ? null : answer.headers.get('date');
      if (date === null) continue;
      const skew = Math.abs(Date.parse(date) + 500 - (asked + Date.now()) / 2) / 1_000;
      const message = `${skew < 1 ? 'Less than a second' : `${skew.toFixed(0)} s`} from ${new URL(url).host}.`;
      const step =
        'Let NTP set both (`timedatectl set-ntp true`): tokens and webhooks carry times.';
      if (skew > SKEW_SECONDS.fail) return fail(message, step);
      return skew > SKEW_SECONDS.warn ? warn(message, step) : pass(message);
    }
    return skip('Nobody tells the time.');
  },
};

export const deepgram: Check = {
  name: 'Deepgram',
  run: ({ providers: { deepgram } }) =>
    provider(deepgram, 'DEEPGRAM_API_KEY', new URL('/v1/projects', deepgram.baseUrl), 'Token'),
};

export const openai: Check = {
  name: 'OpenAI',
  run: ({ providers: { openai } }) =>
    provider(openai, 'OPENAI_API_KEY', `${openai.baseUrl.replace(/\/$/, '')}/models`, 'Bearer'),
};

async function provider(
  { apiKey, rehearsed, baseUrl }: ProviderConfig,
  setting: string,
  url: URL | string,
  scheme: string,
): Promise<Finding> {
  if (rehearsed) return pass(`Rehearsed on this machine: ${setting} is not set.`);
  const answer = await ask(url, { authorization: `${scheme} ${apiKey}` });
  if (answer instanceof Error) {
    return fail(`${baseUrl} does not answer.`, 'See whether this machine reaches it.');
  }
  await answer.body?.cancel();
  if (answer.ok) return pass(`${baseUrl} takes the key.`);
  if (answer.status === 401 || answer.status === 403) {
    return fail(`${baseUrl} refuses the key (${answer.status}).`, `Put ${setting} right.`);
  }
  if (answer.status === 429)
    return warn(`${baseUrl} takes no more requests of this key now (429).`);
  // Whoever speaks its protocol need not have this list.
  return warn(`${baseUrl} answers, and does not say whether it takes the key (${answer.status}).`);
}

const Ready = z.object({ livekit: z.string(), sip: z.string() });

export const callService: Check = {
  name: 'call service',
  async run({ callServiceUrl, databaseUrl }) {
    const answer = await ask(new URL('/readyz', callServiceUrl));
    if (answer instanceof Error) {
      return fail(`${callServiceUrl} does not answer.`, '`npm start` starts it.');
    }
    const where = databaseUrl === undefined ? 'SQLite' : 'PostgreSQL';
    if (!answer.ok) {
      return fail(
        `${callServiceUrl} is not ready: its database (${where}) cannot be written.`,
        databaseUrl === undefined
          ? 'See whether its disk is full or read-only.'
          : 'See whether PostgreSQL runs at DATABASE_URL, and its disk.',
      );
    }
    const ready = Ready.safeParse(await answer.json());
    if (ready.data?.livekit === 'down') {
      return fail(`${callServiceUrl} does not reach LiveKit.`, 'See LIVEKIT_URL, as it has it.');
    }
    if (ready.data?.sip === 'lost') {
      return fail(
        'LiveKit has lost trunks or dispatch rules that it had.',
        'Make them again: docs/production.md, "When Redis has lost them".',
      );
    }
    return pass(`${callServiceUrl} is ready, and ${where} is written.`);
  },
};

/** Whether what is to be started could be; what runs has them. */
export const ports: Check = {
  name: 'ports',
  async run(config) {
    if (!((await ask(config.callServiceUrl)) instanceof Error)) {
      return skip('Trunkline runs here, and has them.');
    }
    const taken = await checkPorts(config, new Set(['api', 'agent', 'ingress']));
    return taken.length === 0
      ? pass('What `npm start` listens on is free.')
      : fail(taken.join(' '), 'End what has them, or set other ports: docs/configuration.md.');
  },
};

const Worker = z.object({
  registered: z.boolean(),
  activeCalls: z.number(),
  freeCalls: z.number(),
  hosts: z.unknown(),
});

export const worker: Check = {
  name: 'agent worker',
  async run({ worker, agentName }) {
    const url = urlOf(worker.health);
    const answer = await ask(new URL('/readyz', url));
    if (answer instanceof Error) {
      return fail(
        `No worker answers at ${url}.`,
        '`npm start` starts one. If yours run elsewhere, TRUNKLINE_WORKER_HOST and _PORT say where.',
      );
    }
    const { data } = Worker.safeParse(await answer.json());
    if (data === undefined) return fail(`What answers at ${url} is no agent worker.`);
    if (!data.registered) {
      return fail('The worker is not registered with LiveKit.', 'Its log says why (agent.log).');
    }
    const calls = `${data.activeCalls} calls, ${data.freeCalls} places free`;
    if (data.freeCalls === 0) {
      return warn(
        `"${agentName}" is full: ${calls}.`,
        'Raise TRUNKLINE_MAX_CALLS, or add a worker.',
      );
    }
    return answer.ok
      ? pass(`"${agentName}" is registered: ${calls}.`)
      : warn(`"${agentName}" is registered and takes no calls: it is starting or draining.`);
  },
};

export const sipEndpoint: Check = {
  name: 'SIP endpoint',
  async run({ sip }) {
    const answer = await ask(new URL('/readyz', urlOf(sip.health)));
    if (answer instanceof Error) {
      return skip('The built-in one does not run here: livekit-sip may take the calls.');
    }
    return answer.ok
      ? pass(`Takes calls at ${sip.host}:${sip.port}.`)
      : warn('It takes no new calls: it is starting or draining.');
  },
};

const DispatchRule = z.object({
  dispatch_rule: z.object({
    roomConfig: z.object({ agents: z.array(z.object({ agentName: z.string() })) }),
  }),
});

/** Trunk file, dispatch rule, agent name and lines: whether a call finds its way through all. */
export function route(cwd: string): Check {
  return {
    name: 'numbers',
    async run({ lines, numbering, agentName }) {
      const unmapped = numbering.trunkNumbers.filter((number) => {
        const e164 = toE164(number, { country: numbering.country });
        // An account's number stands in the Request-URI where a header has the dialled one.
        const isAccount = e164 === undefined && numbering.calledNumberAttribute !== undefined;
        return !isAccount && findLine(lines, e164 ?? number) === undefined;
      });
      const problems = [
        ...(lines.length === 0 ? [['There is no line.', 'Add one to config/lines.yaml.']] : []),
        ...(unmapped.length > 0
          ? [
              [
                `No line has ${unmapped.join(', ')} of the trunk file.`,
                'Add them to `numbers` of a line in config/lines.yaml.',
              ],
            ]
          : []),
        ...ruleProblems(cwd, agentName),
      ];
      const [first] = problems;
      if (first !== undefined) {
        const messages = problems.map(([message = '']) => message).join(' ');
        return fail(messages, ...problems.flatMap(([, ...steps]) => steps));
      }
      const names = lines.map(({ name }) => name).join(', ');
      return pass(`Trunk file, dispatch rule, agent "${agentName}" and lines (${names}) fit.`);
    },
  };
}

function ruleProblems(cwd: string, agentName: string): string[][] {
  let text: string;
  try {
    text = readFileSync(join(cwd, 'sip-dispatch-rule.json'), 'utf8');
  } catch {
    return []; // Not everybody has it beside them.
  }
  let rule: z.infer<typeof DispatchRule>;
  try {
    rule = DispatchRule.parse(JSON.parse(text));
  } catch {
    return [
      ['sip-dispatch-rule.json is no dispatch rule with an agent.', 'Compare docs/production.md.'],
    ];
  }
  const names = rule.dispatch_rule.roomConfig.agents.map(({ agentName }) => agentName);
  if (names.includes(agentName)) return [];
  return [
    [
      `sip-dispatch-rule.json sends for "${names.join(', ')}", and the worker is "${agentName}".`,
      'Give both the same name: agentName in the rule, TRUNKLINE_AGENT_NAME.',
    ],
  ];
}

export const consumers: Check = {
  name: 'consumers',
  async run(config) {
    if ((await ask(config.callServiceUrl)) instanceof Error) {
      return skip('The call service does not answer.');
    }
    const client = createClient({ url: config.callServiceUrl, apiKey: localApiKey(config) });
    let count = 0;
    const failing: string[] = [];
    for await (const { url, disabledAt, failingSince } of client.endpoints.all()) {
      count += 1;
      if (disabledAt !== undefined) failing.push(`${url} is off since ${disabledAt}`);
      else if (failingSince !== undefined) failing.push(`${url} fails since ${failingSince}`);
    }
    if (count === 0) return pass('Nobody asked to be told by webhook.');
    if (failing.length === 0) return pass(`${count} are told by webhook, and take it.`);
    return warn(
      `${failing.join('; ')}.`,
      'Mend the consumer; `trunkline endpoints` and docs/webhooks.md say more.',
    );
  },
};
