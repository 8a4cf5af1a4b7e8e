import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: { alias: { 'millrace/iceberg': source('./src/iceberg.ts'), millrace: source('./src/index.ts') } },
  test: {
    include: ['test/**/*.test.ts'],
    // On two cores: one of three mostly waits, for a process that it started, a lock or a retry.
    maxWorkers: 3,
    // What is built is imported as Node does, with the built package behind its name.
    server: { deps: { external: [/\/dist\//] } },
    // The AWS SDK tells users of Node 20 to move on, in every test file anew.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
