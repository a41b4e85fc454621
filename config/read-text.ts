import { readFileSync } from 'node:fs';

/**
 * A text file of the configuration, without the byte order mark that editors on Windows put first.
 *
 * @throws when it cannot be read or is not UTF-8; `whyUnreadable` says which
 */
export function readText(path: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
}

export function whyUnreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'not UTF-8 text' : (code ?? 'unreadable');
}
