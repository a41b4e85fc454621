import { decodeG711, encodeG711 } from '../../ingress/sip/media/g711.ts';
import { PHRASES, type Phrase } from '../phrases.ts';
import type { Speaker, Voice } from '../voice/voice.ts';
import { createRecogniser, type Recogniser } from './recogniser.ts';
import { RATE } from './spectrum.ts';

/** A recogniser of what a rehearsal voice says, as it sounds over the telephone. */
export async function loadPhraseBook(
  voice: Voice,
  phrases: readonly (Phrase | { readonly text: string })[] = PHRASES,
  speaker: Speaker = 'caller',
): Promise<Recogniser> {
  const known = await Promise.all(
    phrases.map(async (phrase) => {
      const pcm = await voice.speak(phrase.text, { speaker, sampleRate: RATE });
      return { ...phrase, pcm: decodeG711('PCMU', encodeG711('PCMU', pcm)) };
    }),
  );
  return createRecogniser(known);
}
