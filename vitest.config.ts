import { defineConfig } from 'vitest/config';

// One project after the other. Tests that mostly wait share the cores; those that judge what was
// heard have them to themselves, one file after the other.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['**/*.test.ts'],
          exclude: ['node_modules/**', 'test/**', '**/*.contract.test.ts'],
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'contract',
          sequence: { groupOrder: 1 },
          include: ['**/*.contract.test.ts'],
          exclude: ['node_modules/**'],
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          sequence: { groupOrder: 2 },
          include: ['test/**/*.test.ts'],
          exclude: ['**/*.contract.test.ts', '**/*.sound.test.ts'],
          maxWorkers: 3,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'sound',
          sequence: { groupOrder: 3 },
          include: ['test/**/*.sound.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
