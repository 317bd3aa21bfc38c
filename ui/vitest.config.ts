import { defineConfig, mergeConfig } from "vitest/config";

import build from "./vite.config"; // apart, so that building needs no test runner

export default mergeConfig(build, defineConfig({ test: { include: ["src/**/*.test.{ts,tsx}"], environment: "node" } }));
