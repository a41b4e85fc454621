/** Names that models give to what is to be said, in the order of trust. */
const SAID = ['reply', 'response', 'answer', 'message', 'text', 'content', 'say', 'speech'];
/** What is a tool's, and for no ear. */
const CALLS = ['arguments', 'parameters', 'tool', 'tool_calls', 'function'];
const SAID_SO_FAR = new RegExp(`"(?:${SAID.join('|')})"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)`, 'i');

/** Behind the object that begins at `begin`; -1: it has not ended. */
export function jsonEnd(text: string, begin: number): number {
  let depth = 0;
  let inString = false;
  for (let at = begin; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return at + 1;
  }
  return -1;
}

/** What an object that a model wrote in place of a sentence says; empty: nothing for a caller. */
export function textOfJson(json: string): string {
  try {
    return textOf(JSON.parse(json));
  } catch {
    const cut = SAID_SO_FAR.exec(json)?.[1];
    return cut === undefined ? '' : textOfJson(`"${cut}"`);
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  if (Array.isArray(value)) return value.map(textOf).filter(Boolean).join(' ');
  const fields = new Map(Object.entries(value).map(([key, said]) => [key.toLowerCase(), said]));
  const name = SAID.find((key) => fields.has(key));
  if (name !== undefined) return textOf(fields.get(name));
  if (CALLS.some((key) => fields.has(key))) return '';
  const texts = [...fields.values()].filter((said) => typeof said === 'string');
  return texts.length === 1 ? (texts[0] as string) : '';
}
