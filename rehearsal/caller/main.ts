import { Voice } from '../voice/voice.ts';
import { readCallArguments, USAGE } from './arguments.ts';
import { narrate, summarise } from './narrate.ts';
import { placeCall } from './place-call.ts';

/* oxlint-disable no-console -- a command that talks to a person */

const host = process.env['TRUNKLINE_SIP_HOST'] ?? '127.0.0.1';
const port = process.env['TRUNKLINE_SIP_PORT'] ?? '5060';
const voice = new Voice(process.env['TRUNKLINE_DATA_DIR'] ?? '.trunkline');
const abort = new AbortController();
process.once('SIGINT', () => abort.abort());
process.once('SIGTERM', () => abort.abort());

try {
  const endpoint = `${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
  const options = readCallArguments(process.argv.slice(2), endpoint);
  if (options.help) {
    console.log(USAGE);
  } else {
    if (!options.json) console.log(`calling ${options.to} from ${options.from}`);
    const result = await placeCall({
      ...options,
      voice: (text) => voice.speak(text, { speaker: 'caller', sampleRate: 8_000 }),
      signal: abort.signal,
      onEvent(event) {
        const line = options.json ? JSON.stringify(event) : narrate(event);
        if (line !== undefined) console.log(line);
      },
    });
    console.log(options.json ? JSON.stringify({ type: 'result', ...result }) : summarise(result));
    if (!options.json && options.record !== undefined) {
      console.log(`recording            ${options.record}`);
    }
    const unanswered = result.turns.some((turn) => turn.missed);
    process.exitCode = result.outcome === 'completed' && !unanswered ? 0 : 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
} finally {
  await voice.close();
}
