import { defineConfig } from 'vitest/config';

// One project after the other. Tests that mostly wait share the cores; ten calls at once need them.
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
          exclude: ['**/*.contract.test.ts', '**/*.load.test.ts'],
          maxWorkers: 3,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'load',
          sequence: { groupOrder: 3 },
          include: ['test/**/*.load.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
