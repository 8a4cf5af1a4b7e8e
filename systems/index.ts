/** The systems that ship with Millrace; each is loaded when it is used. */
import type { Pipeline } from 'millrace'

/** `demo`: the parameters that the demonstration runs it with. */
export type ShippedPipeline = {
  name: string
  description: string
  load: () => Promise<Pipeline>
  demo?: Record<string, string>
}

export const systems: ShippedPipeline[] = [
  {
    name: 'chargebacks',
    description: 'a day of small Parquet files → one checked, de-duplicated, well-sized partition',
    load: async () => (await import('./chargebacks/pipeline.ts')).default,
  },
  {
    name: 'carsdm',
    description: 'AWS DMS full load and CDC → a Final zone that loses nothing and a CDC zone that shows everything',
    load: async () => (await import('./carsdm/pipeline.ts')).default,
  },
  {
    name: 'farm-records',
    description: 'SAP extracts and PostgreSQL in Iceberg → who works which tract in which year, and back to PostgreSQL',
    load: async () => (await import('./farm-records/pipeline.ts')).default,
  },
  {
    name: 'farm-records-maintenance',
    description: 'weekly: small files of the Iceberg tables made one, old snapshots and orphan files removed',
    load: async () => (await import('./farm-records/maintenance.ts')).default,
  },
  {
    name: 'flywheel',
    description: 'both flywheel pipelines: a very wide snapshot → bucketed and partitioned tables, registered',
    load: async () => (await import('./flywheel/pipeline.ts')).default,
    demo: { 'bucket-count': '16', quiet: 'true' }, // a few rows need no 256 files for each of 27 tables, nor lines
  },
  {
    name: 'flywheel-bucketed',
    description: 'a very wide snapshot → narrow tables, registered, and Hive-bucketed for joins',
    load: async () => (await import('./flywheel/bucketed.ts')).default,
  },
  {
    name: 'flywheel-partitioned',
    description: 'a very wide snapshot → narrow tables with a partition a snapshot, registered, their partitions found',
    load: async () => (await import('./flywheel/partitioned.ts')).default,
  },
]
