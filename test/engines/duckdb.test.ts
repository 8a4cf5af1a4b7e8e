/** DuckDB through the suite that every engine must pass. */
import duckdbEngine from '../../src/engines/duckdb.ts'
import { conversionSuite } from './conversions.ts'
import { engineSuite } from './suite.ts'

engineSuite('duckdb', duckdbEngine, {})

conversionSuite('duckdb', () => duckdbEngine())
