import process from "node:process";

import { defineConfig } from "vite";

// For `npm run dev`: a stack that is up, e.g. STACK=http://127.0.0.1:7860
const stack = process.env["STACK"] ?? "http://127.0.0.1:7860";
const behind = { target: stack, changeOrigin: true, ws: true };

export default defineConfig({
  base: "./", // the page may be served below any path; the server adds <base href> for deep links
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../metaflow_anywhere/ui_backend/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // data: URLs would need a wider Content-Security-Policy
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": behind, "/service": behind } },
});
