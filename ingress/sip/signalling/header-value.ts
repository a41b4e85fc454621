/**
 * The value of a header, cut where RFC 3261 §25.1 cuts it: separators count only outside quoted
 * strings and outside the brackets of a URI. Everything that reads inside a value begins here.
 *
 * @returns undefined when a quote or a bracket is left open
 */
export function splitValue(value: string, separator: ',' | ';'): string[] | undefined {
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  let isInBrackets = false;
  for (let at = 0; at < value.length; at += 1) {
    const character = value[at];
    if (isQuoted) {
      if (character === '\\') at += 1;
      else if (character === '"') isQuoted = false;
    } else if (character === '"') {
      isQuoted = true;
    } else if (character === '<' || character === '>') {
      if (isInBrackets === (character === '<')) return undefined;
      isInBrackets = character === '<';
    } else if (character === separator && !isInBrackets) {
      parts.push(value.slice(from, at).trim());
      from = at + 1;
    }
  }
  if (isQuoted || isInBrackets) return undefined;
  parts.push(value.slice(from).trim());
  return parts;
}

/** Parameters by their names in lower case; '' for one without a value. The first of a name counts. */
export type Parameters = ReadonlyMap<string, string>;

/**
 * @param parts `name=value`, `name="value"` or `name` each
 * @returns undefined when one of them has no name
 */
export function readParameters(parts: readonly string[]): Parameters | undefined {
  const parameters = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = (equals === -1 ? part : part.slice(0, equals)).trim().toLowerCase();
    const value = equals === -1 ? '' : unquote(part.slice(equals + 1).trim());
    if (name === '') return undefined;
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return parameters;
}

/** A token and its parameters, as in Content-Type and Content-Disposition; in lower case. */
export function readToken(value: string): { token: string; parameters: Parameters } | undefined {
  const [token = '', ...rest] = splitValue(value, ';') ?? [];
  const parameters = readParameters(rest);
  return token === '' || !parameters ? undefined : { token: token.toLowerCase(), parameters };
}

function unquote(text: string): string {
  if (!text.startsWith('"') || !text.endsWith('"') || text.length < 2) return text;
  return text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
}
