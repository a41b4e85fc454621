import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { preact } from '@preact/preset-vite';
import { defineConfig } from 'vite';
import type { Plugin } from 'vite';

const OUT = join(import.meta.dirname, 'dist');

export default defineConfig({
  root: import.meta.dirname,
  base: '/desk/',
  plugins: [preact({ devToolsEnabled: false }), compressed()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2022',
    // The content security policy allows no script in the page.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // livekit-client, which is loaded where somebody talks or listens.
    chunkSizeWarningLimit: 600,
  },
});

/** Compressed once, here, and not with every answer (RFC 9110 §8.4). */
function compressed(): Plugin {
  const ways = [
    ['.br', promisify(brotliCompress)],
    ['.gz', promisify(gzip)],
  ] as const;
  return {
    name: 'compressed',
    apply: 'build',
    async writeBundle() {
      const names = await readdir(OUT, { recursive: true });
      for (const name of names.filter((name) => /\.(?:js|css|html|svg)$/.test(name))) {
        const content = await readFile(join(OUT, name));
        for (const [ending, compress] of ways) {
          await writeFile(join(OUT, name + ending), await compress(content));
        }
      }
    },
  };
}
