/** The systems that ship with Millrace; each is loaded when it is used. */
import type { Pipeline } from 'millrace'

export type ShippedPipeline = { name: string; description: string; load: () => Promise<Pipeline> }

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
]
