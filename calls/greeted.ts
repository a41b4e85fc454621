/**
 * Attribute of a caller whom an agent has spoken to, and of that agent; the id of its job. An agent
 * that comes after it goes on where it was, and does not greet the caller anew.
 */
export const GREETED = 'trunkline.greeted';
