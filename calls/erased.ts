/** In place of what was erased. */
export const ERASED = 'erased';
