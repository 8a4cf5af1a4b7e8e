import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** What takes minutes begins first, so that no file is left for the end alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      /\/(interop|trino|crash|farm-records)\/|spark\.test|process-control/.test(moduleId)
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

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
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
