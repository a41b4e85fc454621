/**
 * What the benchmark compares with: a LiveKit agent as its documentation has it, with the same
 * models and prompt, and nothing of ours. Run by `systems.ts`, with LiveKit's and the providers'
 * environment.
 */
import { fileURLToPath } from 'node:url';
import { cli, defineAgent, ServerOptions, voice } from '@livekit/agents';
import type { JobContext } from '@livekit/agents';
import * as deepgram from '@livekit/agents-plugin-deepgram';
import * as openai from '@livekit/agents-plugin-openai';

const env = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

export default defineAgent({
  entry: async (ctx: JobContext) => {
    await ctx.connect();
    const minDelay = process.env['STOCK_MIN_DELAY_MS'];
    const session = new voice.AgentSession({
      stt: new deepgram.STT({
        model: 'nova-3',
        baseUrl: env('DEEPGRAM_BASE_URL').replace(/^http/, 'ws'),
        endpointing: Number(env('STOCK_ENDPOINTING_MS')),
      }),
      llm: new openai.LLM({ model: 'gpt-4.1-mini', baseURL: env('OPENAI_BASE_URL') }),
      tts: new deepgram.TTS({ model: 'aura-2-thalia-en', baseUrl: env('DEEPGRAM_BASE_URL') }),
      turnHandling: {
        turnDetection: 'stt',
        ...(minDelay !== undefined && { endpointing: { minDelay: Number(minDelay) } }),
      },
    });
    await session.start({
      agent: new voice.Agent({ instructions: env('STOCK_INSTRUCTIONS') }),
      room: ctx.room,
    });
    session.say(env('STOCK_GREETING'));
  },
});

if (import.meta.main) {
  cli.runApp(
    new ServerOptions({
      agent: fileURLToPath(import.meta.url),
      agentName: env('TRUNKLINE_AGENT_NAME'),
      host: '127.0.0.1',
      port: Number(env('STOCK_HEALTH_PORT')),
    }),
  );
}
