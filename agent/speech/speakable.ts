/**
 * What a model writes and no voice can say: markup, addresses, data. It is said usefully or left
 * out, also where it comes in pieces. Markdown and emoji are the SDK's own transforms' business.
 */
import { voice } from '@livekit/agents';
import { ReadableStream, TransformStream } from 'node:stream/web';
import type { TransformStreamDefaultController } from 'node:stream/web';
import { jsonEnd, textOfJson } from './json-reply.ts';
import { sayAddresses } from './spoken-address.ts';

/** What is kept back because it may yet become a tag, an address or an arrow, characters. */
const LONGEST_TAG = 300;
const LONGEST_WORD = 300;
const LONGEST_JSON = 8_000;

/** What these say is not for the caller. */
const UNSAID = [
  'think|thinking|antthinking|thought|thoughts|reasoning|reflection|analysis|scratchpad',
  'tool_call|tool_code|function_call|function',
].join('|');
const UNSAID_BLOCK = new RegExp(
  `<(${UNSAID})\\b[^<>]*>[\\s\\S]*?</\\1\\s*>|<!--[\\s\\S]*?-->`,
  'gi',
);
const OPEN_BLOCK = new RegExp(`<(?:${UNSAID})\\b|<!--`, 'i');
const TAG = /<\/?[a-z][^<>]{0,300}>|<\|[^<>|]{0,60}\|>/gi;
/** A tag that is none: <anna@example.com>, <https://example.com>. */
const IN_BRACKETS = /^<[^\s"'=<>]*(?:@|:\/\/)[^\s"'<>]*>$/;
/** Tags that part words; others stand within them. */
const PARTS = /^<\/?(?:audio|br|break|div|h\d|hr|li|p|paragraph|s|sentence|t[dhr])\b/i;
const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': ' ',
  '&mdash;': '—',
  '&ndash;': '–',
  '&hellip;': '…',
  '&euro;': '€',
  '&pound;': '£',
  '&apos;': "'",
};
const ENTITY = new RegExp(
  `${Object.keys(ENTITIES).join('|')}|&#(?:\\d{1,6}|x[\\da-f]{1,5});`,
  'gi',
);
const ARROW =
  /\s*(?:[-=]+>|<[-=]+|[\u2190-\u21ff\u27f0-\u27ff\u2900-\u297f\u2794\u2798-\u27af])\s*/g;
/** Of tables, and of lists that no markdown knows. */
const CELLS = /\s*\|(?:[\s|]|:?-{2,}:?)*/g;
const BULLETS = /[•‣▪▫◦●○■□◆◇★☆✓✔✗✘·]/g;
const EMOTICON = /(?<![^\s])[:;]-?[)(DPp](?![^\s.,!?])/g;
/** Box drawing, geometric shapes, what has no width, control characters but white space. */
const SOUNDLESS = /[\u2500-\u25ff\p{Cf}]|(?!\s)\p{Cc}/gu;

/** The text as it streams from a model, made fit for a voice of this language. */
export function speechTransforms(language: string): voice.textTransforms.TextTransform[] {
  const transform = (text: ReadableStream<string>) => text.pipeThrough(speakable(language));
  return [transform, 'filter_markdown', 'filter_emoji'];
}

/** A whole text, made fit for a voice of this language. */
export async function speechOf(text: string, language: string): Promise<string> {
  const { applyTextTransforms } = voice.textTransforms;
  const spoken = applyTextTransforms(ReadableStream.from([text]), speechTransforms(language));
  let whole = '';
  for await (const piece of spoken) whole += piece;
  return whole.trim();
}

function speakable(language: string): TransformStream<string, string> {
  let held = '';
  let endsInSpace = false;
  const put = (text: string, controller: TransformStreamDefaultController<string>) => {
    const said = say(text, language).replace(endsInSpace ? /^ +/ : '', '');
    if (said === '') return;
    endsInSpace = /\s$/.test(said);
    controller.enqueue(said);
  };
  return new TransformStream({
    transform(chunk, controller) {
      held += chunk;
      const end = certainUntil(held);
      put(held.slice(0, end), controller);
      held = held.slice(end);
    },
    flush(controller) {
      const whole = held.replace(UNSAID_BLOCK, '');
      const open = whole.search(OPEN_BLOCK); // what is not for the caller, and was cut off
      put(open < 0 ? whole : whole.slice(0, open), controller);
    },
  });
}

/** Up to where a text will not be read otherwise, whatever follows it. */
function certainUntil(text: string): number {
  const masked = maskJson(text.replace(UNSAID_BLOCK, fill).replace(TAG, fill));
  const begins = [
    { at: masked.search(OPEN_BLOCK), most: Infinity },
    { at: masked.search(/<(?:[a-z/!|][^<>]*)?$/i), most: LONGEST_TAG },
    { at: masked.search(/\{(?=\s*(?:"|$))/), most: LONGEST_JSON },
  ];
  const open = begins.filter(({ at, most }) => at >= 0 && text.length - at <= most);
  const end = Math.min(text.length, ...open.map(({ at }) => at));
  const word = masked.slice(0, end).search(/\s*\S*$/);
  return end - word <= LONGEST_WORD ? word : end;
}

/** What is whole is not cut: a word like any other. */
function fill(whole: string): string {
  return 'x'.repeat(whole.length);
}

function maskJson(text: string): string {
  const begin = text.search(/\{\s*"/);
  const end = begin < 0 ? -1 : jsonEnd(text, begin);
  if (end < 0) return text;
  return text.slice(0, begin) + fill(text.slice(begin, end)) + maskJson(text.slice(end));
}

function say(text: string, language: string): string {
  const marked = text.replace(UNSAID_BLOCK, '').replace(TAG, (tag) => {
    if (IN_BRACKETS.test(tag)) return tag.slice(1, -1);
    return PARTS.test(tag) ? ' ' : '';
  });
  return sayAddresses(sayObjects(marked), language)
    .replace(ENTITY, characterOf)
    .replace(ARROW, ', ')
    .replace(CELLS, ', ')
    .replace(EMOTICON, '')
    .replace(BULLETS, '')
    .replace(SOUNDLESS, '')
    .replace(/(?<=\s) +/g, '');
}

/** Of an entity of HTML. */
function characterOf(entity: string): string {
  const [, hex, digits = ''] = /^&#(x?)([\da-f]+);$/i.exec(entity) ?? [];
  const code = Number.parseInt(digits, hex ? 16 : 10);
  if (code > 0 && code <= 0x10_ff_ff) return String.fromCodePoint(code);
  return ENTITIES[entity.toLowerCase()] ?? '';
}

/** `{"reply": "Hello."}` is "Hello."; other data is left out. */
function sayObjects(text: string): string {
  const begin = text.search(/\{\s*"/);
  if (begin < 0) return text;
  const end = jsonEnd(text, begin);
  const object = text.slice(begin, end < 0 ? text.length : end);
  const rest = end < 0 ? '' : sayObjects(text.slice(end));
  return text.slice(0, begin) + textOfJson(object) + rest;
}
