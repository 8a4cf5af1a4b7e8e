/** DuckDB through the suite that every engine must pass. */
import duckdbEngine from '../../src/engines/duckdb.ts'
import { engineSuite } from './suite.ts'

engineSuite('duckdb', duckdbEngine, {})
