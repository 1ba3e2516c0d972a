import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import subset from 'subset-font';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const daemon = process.env.AETHER_URL ?? 'http://127.0.0.1:3001';

const TEXT = /\.(js|css|svg|html)$/;
/** Below this nothing is gained: it fits into one packet as it is. */
const SMALL = 1024;

/** A packed copy beside every text, which the daemon gives to browsers that take it: it packs nothing itself. */
function packed(): Plugin {
  let folder = '';
  return {
    name: 'packed',
    apply: 'build',
    configResolved: (config) => void (folder = config.build.outDir),
    closeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        if (!TEXT.test(name)) continue;
        const text = readFileSync(join(folder, name));
        if (text.length >= SMALL) writeFileSync(join(folder, `${name}.gz`), gzipSync(text, { level: 9 }));
      }
    },
  };
}

/** What the packages' own `unicode-range` of Latin names. */
const LATIN = [
  [0x20, 0xff],
  [0x131, 0x131],
  [0x152, 0x153],
  [0x2bb, 0x2bc],
  [0x2c6, 0x2c6],
  [0x2da, 0x2da],
  [0x2dc, 0x2dc],
  [0x2000, 0x206f],
  [0x20ac, 0x20ac],
  [0x2122, 0x2122],
  [0x2191, 0x2191],
  [0x2193, 0x2193],
  [0x2212, 0x2212],
  [0x2215, 0x2215],
  [0xfeff, 0xfeff],
  [0xfffd, 0xfffd],
] as const;

/** Weights that this page sets. */
const FONTS = [
  { file: /inter-latin-wght-normal.*woff2$/, max: 600 },
  { file: /jetbrains-mono-latin-wght-normal.*woff2$/, max: 700 },
];

/** Every visit begins with these two fonts: they carry what the page shows and no more. */
function slimFonts(): Plugin {
  let text = '';
  for (const [from, to] of LATIN)
    for (let code = from; code <= to; code += 1) text += String.fromCodePoint(code);
  return {
    name: 'slim-fonts',
    apply: 'build',
    async generateBundle(_options, bundle) {
      for (const part of Object.values(bundle)) {
        const font = FONTS.find(({ file }) => file.test(part.fileName));
        if (!font || part.type !== 'asset') continue;
        part.source = await subset(Buffer.from(part.source), text, {
          targetFormat: 'woff2',
          variationAxes: { wght: { min: 400, max: font.max } },
          // Figures of one width are those of the other font, and ligatures are never wanted.
          noLayoutClosure: true,
        });
      }
    },
  };
}

/** What several pages need is one file, so that a first load is few requests; what only some of them need stays apart. */
const APART = /node_modules\/(@xterm|uplot|cmdk)\//;

export default defineConfig({
  plugins: [react(), tailwindcss(), slimFonts(), packed()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    // The daemon's content security policy allows no data: fonts or scripts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [{ name: 'shared', test: (id) => !APART.test(id), minShareCount: 2 }],
        },
      },
    },
  },
  server: {
    proxy: {
      '/api': { target: daemon, ws: true },
      '/kernel': { target: daemon, ws: true },
      '/signin': daemon,
      '/health': daemon,
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test-setup.ts'],
  },
});
