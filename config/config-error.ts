import type { Part } from './config.ts';

/** One thing that is wrong with the configuration, and what would be right. */
export interface Problem {
  /** Relative to the working folder; `environment` for a variable of the process. */
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  readonly column?: number;
  /** What is wrong: `lines.main.numbers[0]`, or a variable's name. */
  readonly path: string;
  /** What would be right; never contains a secret's value. */
  readonly message: string;
  /** Only processes that use this part are stopped by it; undefined: all are. */
  readonly part?: Part | undefined;
}

/** The configuration cannot be used. Holds every problem found, not only the first. */
export class ConfigError extends Error {
  readonly code = 'bad_config';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super([`The configuration has ${count}:`, ...problems.map(describe)].join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

function describe({ file, line, column, path, message }: Problem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return path === '' ? `  ${place}: ${message}` : `  ${place}: ${path} ${message}`;
}
