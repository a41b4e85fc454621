import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { z } from 'zod';
import type { AgentProfile, Line } from './config.ts';
import type { Problem } from './config-error.ts';
import { LinesFile } from './lines-file.ts';
import { findMisplaced } from './misplaced.ts';
import { readText, whyUnreadable } from './read-text.ts';
import { suggest } from './suggest.ts';
import { parseYaml, type YamlSource } from './yaml-source.ts';
import { spell, zodProblems } from './zod-problems.ts';

type TrunkSection = LinesFile['trunk'];
type AgentSection = LinesFile['agents'][string];

export interface LoadedLines {
  readonly lines: readonly Line[];
  /** Undefined: it is wrong. */
  readonly trunk: TrunkSection | undefined;
  /** Absolute path of the trunk's file, when one is named. */
  readonly trunkFile: string | undefined;
}

/** Reads `lines.yaml`. Adds to `problems` what is wrong; the answer counts only without any. */
export function loadLines(path: string, cwd: string, problems: Problem[]): LoadedLines {
  const nothing = { lines: [], trunk: undefined, trunkFile: undefined };
  const file = relative(cwd, path) || path;
  let content: string;
  try {
    content = readText(path);
  } catch (error) {
    problems.push({
      file,
      path: '',
      message: `cannot be read (${whyUnreadable(error)}): TRUNKLINE_CONFIG should name the file of the lines.`,
    });
    return nothing;
  }
  const source = parseYaml(content, file);
  problems.push(...source.problems);
  if (source.problems.length > 0) return nothing;
  const folder = dirname(path);
  const trunkOf = (trunk: TrunkSection | undefined) => ({
    trunk,
    trunkFile: trunk?.file && resolve(folder, trunk.file),
  });
  const parsed = LinesFile.safeParse(source.value);
  const misplaced = parsed.error && findMisplaced(parsed.error, source);
  problems.push(...(misplaced ? [misplaced] : crossProblems(source)));
  if (!parsed.success) {
    if (!misplaced) problems.push(...zodProblems(LinesFile, parsed.error, source.locate));
    // Whatever else is wrong, the trunk's own file is looked at.
    const trunk = TrunkOnly.safeParse(source.value);
    return { lines: [], ...trunkOf(trunk.data?.trunk) };
  }
  const agents = new Map<string, AgentProfile>();
  for (const [name, section] of Object.entries(parsed.data.agents)) {
    const profile = agentProfile(name, section, folder, source, problems);
    if (profile !== undefined) agents.set(name, profile);
  }
  const lines: Line[] = [];
  for (const [name, section] of Object.entries(parsed.data.lines)) {
    const agent = agents.get(section.agent);
    if (agent !== undefined) lines.push({ name, ...section, agent });
  }
  return { lines, ...trunkOf(parsed.data.trunk) };
}

const TrunkOnly = z.object({ trunk: LinesFile.shape.trunk });

/** As much of the file as references need, whatever else is wrong with it. */
const References = z.object({
  agents: z.record(z.string(), z.unknown()).catch({}),
  lines: z
    .record(
      z.string(),
      z
        .object({
          agent: z.string().optional().catch(undefined),
          numbers: z.array(z.unknown()).catch([]),
        })
        .catch({ agent: undefined, numbers: [] }),
    )
    .catch({}),
});

/** Numbers that two lines claim and agents that are not there. */
function crossProblems({ value, locate }: YamlSource): Problem[] {
  const found = References.safeParse(value);
  if (!found.success) return [];
  const agentNames = Object.keys(found.data.agents);
  const owners = new Map<unknown, string>();
  const problems: Problem[] = [];
  const report = (path: PropertyKey[], message: string) =>
    problems.push({ ...locate(path), path: spell(path), message });
  for (const [name, { agent, numbers }] of Object.entries(found.data.lines)) {
    if (agent !== undefined && !agentNames.includes(agent)) {
      const hint = suggest(agent, agentNames) || ` There are: ${agentNames.join(', ') || 'none'}.`;
      report(['lines', name, 'agent'], `names an agent that is not under agents.${hint}`);
    }
    for (const [index, number] of numbers.entries()) {
      const owner = owners.get(number);
      if (owner === undefined) owners.set(number, name);
      else report(['lines', name, 'numbers', index], `is a number of ${owner} already: keep one.`);
    }
  }
  return problems;
}

const DEEPGRAM_VOICE = 'aura-2-thalia-en';
const OPENAI_TTS = { model: 'gpt-4o-mini-tts', voice: 'coral' };

function agentProfile(
  name: string,
  section: AgentSection,
  folder: string,
  { locate }: YamlSource,
  problems: Problem[],
): AgentProfile | undefined {
  const before = problems.length;
  const report = (field: string[], message: string) => {
    const path = ['agents', name, ...field];
    problems.push({ ...locate(path), path: spell(path), message });
  };
  const { llm, tts } = section;
  if (tts.provider === 'deepgram' && tts.voice !== undefined) {
    report(['tts', 'voice'], "has no meaning at Deepgram: its voice is the model's name.");
  }
  let greeting: AgentProfile['greeting'];
  let sound: Buffer | undefined;
  if (section.greeting.wav === undefined) {
    greeting = { text: section.greeting.text ?? '' };
  } else {
    const wav = resolve(folder, section.greeting.wav);
    sound = readWav(wav);
    if (sound === undefined) {
      report(['greeting', 'wav'], 'should name a WAV file that can be read.');
    }
    greeting = { wav };
  }
  if (problems.length > before) return undefined;
  const content = {
    name,
    instructions: section.instructions,
    greeting,
    stt: section.stt,
    llm: { ...llm, temperature: llm.temperature },
    tts:
      tts.provider === 'deepgram'
        ? { provider: tts.provider, model: tts.model ?? DEEPGRAM_VOICE, voice: undefined }
        : {
            provider: tts.provider,
            model: tts.model ?? OPENAI_TTS.model,
            voice: tts.voice ?? OPENAI_TTS.voice,
          },
    turns: section.turns,
    limits: section.limits,
  } as const;
  return { ...content, version: versionOf(section, sound) };
}

function readWav(path: string): Buffer | undefined {
  try {
    const sound = readFileSync(path);
    const tag = (from: number) => sound.toString('latin1', from, from + 4);
    return tag(0) === 'RIFF' && tag(8) === 'WAVE' ? sound : undefined;
  } catch {
    return undefined;
  }
}

/** Follows what the caller may notice, so not where on the machine the files are. */
function versionOf(section: AgentSection, sound: Buffer | undefined): string {
  const hash = createHash('sha256').update(JSON.stringify(section));
  if (sound !== undefined) hash.update(sound);
  return hash.digest('hex').slice(0, 12);
}
