import type { llm, stt, tts } from '@livekit/agents';
import { LLM as OpenAiLlm, TTS as OpenAiTts } from '@livekit/agents-plugin-openai';
import OpenAI from 'openai';
import type { AgentProfile, Config, Line } from '../../config/config.ts';
import { TTS_SAMPLE_RATE } from '../audio/sample-rates.ts';
import { DeepgramStt } from './deepgram-stt.ts';
import { DeepgramTts } from './deepgram-tts.ts';

/**
 * Makes the STT, LLM and TTS of one conversation. They are not shared between conversations (their
 * metrics and errors are events of the object), but the HTTP connections beneath them are.
 */
export interface Providers {
  stt(line: Line): stt.STT;
  llm(profile: AgentProfile): llm.LLM;
  tts(profile: AgentProfile): tts.TTS;
}

export function createProviders(config: Config['providers']): Providers {
  const openai = new OpenAI({
    apiKey: config.openai.apiKey,
    baseURL: config.openai.baseUrl,
    maxRetries: 0, // the session retries, and reports that it did
  });
  return {
    stt: (line) =>
      new DeepgramStt({
        apiKey: config.deepgram.apiKey,
        baseUrl: config.deepgram.baseUrl,
        model: line.agent.stt.model,
        language: line.language,
        endpointingMs: line.agent.stt.endpointingMs,
        keyterms: line.agent.stt.keyterms,
      }),
    llm: (profile) =>
      new OpenAiLlm({
        client: openai,
        model: profile.llm.model,
        ...(profile.llm.temperature !== undefined && { temperature: profile.llm.temperature }),
      }),
    tts: (profile) =>
      profile.tts.provider === 'openai'
        ? new OpenAiTts({
            client: openai,
            model: profile.tts.model,
            ...(profile.tts.voice && { voice: profile.tts.voice as 'alloy' }),
          })
        : new DeepgramTts({
            apiKey: config.deepgram.apiKey,
            baseUrl: config.deepgram.baseUrl,
            model: profile.tts.model,
            sampleRate: TTS_SAMPLE_RATE,
          }),
  };
}
