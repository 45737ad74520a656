import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  build: {
    outDir: '.out',
    target: 'es2022',
    assetsInlineLimit: 0, // the policy of the pages allows no data: scripts and styles
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: { frps: 'frps.html', frpc: 'frpc.html' } },
  },
})
