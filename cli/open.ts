import { createClient } from '../client/index.ts';
import { readArguments } from '../config/read-arguments.ts';
import { API_OPTIONS, connect, explain } from './api-command.ts';
import type { ApiCommand } from './api-command.ts';

const USAGE = `A link that opens the desk, signed in as the API key. Good once, for 10 minutes.

  trunkline open

  --json                       { "url", "expiresAt" }
  --url <url>, --key <key>     of another call service; without them: the configured one.
                               Other users of this machine can see a key that is typed here.

  xdg-open "$(npm run --silent trunkline -- open)"`;

/**
 * `trunkline open`. The exit code.
 * @throws {UsageError}
 */
export async function openCommand(command: ApiCommand): Promise<number> {
  const { values } = readArguments(command.args, API_OPTIONS);
  if (values.help) {
    command.print(USAGE);
    return 0;
  }
  try {
    const link = await connect(command, values.url, values.key).session.link();
    command.print(values.json ? JSON.stringify(link) : link.url);
    return 0;
  } catch (error) {
    command.say(explain(error));
    return 1;
  }
}

/** Of the call service that was just started; undefined when it does not answer. */
export async function signInUrl(url: string, apiKey: string): Promise<string | undefined> {
  try {
    return (await createClient({ url, apiKey }).session.link()).url;
  } catch {
    return undefined;
  }
}
