/** The other implementations of Iceberg on this machine; `scripts/interop-tools.sh` fetches them. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { findSpark } from '../../src/engines/spark.ts'

const folder = fileURLToPath(new URL('../../.venv-spark', import.meta.url))
const jar = `${folder}/jars/iceberg-spark-runtime-3.5_2.12-1.10.1.jar`
const modules = [
  'pyiceberg',
  'pyiceberg_core',
  'pyarrow',
  'duckdb',
  'duckdb_extension_iceberg',
  'duckdb_extension_avro',
  'duckdb_extension_httpfs',
]
const mend = 'run: sh scripts/spark-venv.sh; sh scripts/interop-tools.sh'

export type Tools = {
  python: string
  jar: string
  /** Why the tests with Spark cannot run; undefined where they can. */
  sparkMissing: string | undefined
  /** The same of PyIceberg and DuckDB's extension. */
  pythonMissing: string | undefined
}

/** Looks for Spark with Iceberg's jar, and for a Python with PyIceberg and DuckDB's extension. */
export async function findTools(): Promise<Tools> {
  const python = `${folder}/bin/python`
  const spark = await findSpark()
  const noJar = existsSync(jar) ? undefined : `no ${jar}; ${mend}`
  return {
    python,
    jar,
    sparkMissing: 'missing' in spark ? `${spark.missing}; run: ${spark.mend}` : noJar,
    pythonMissing: (await canImport(python)) ? undefined : `no PyIceberg and DuckDB extension in ${folder}; ${mend}`,
  }
}

function canImport(python: string): Promise<boolean> {
  const program = `import importlib.util, sys; sys.exit(any(importlib.util.find_spec(name) is None for name in sys.argv[1:]))`
  return new Promise((resolve) => execFile(python, ['-c', program, ...modules], (error) => resolve(error === null)))
}
