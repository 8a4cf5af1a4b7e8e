/** The systems that ship with Millrace; each is loaded when it is used. */
import type { Pipeline } from 'millrace'

export type ShippedPipeline = { name: string; description: string; load: () => Promise<Pipeline> }

export const systems: ShippedPipeline[] = [
  {
    name: 'chargebacks',
    description: 'a day of small Parquet files → one checked, de-duplicated, well-sized partition',
    load: async () => (await import('./chargebacks/pipeline.ts')).default,
  },
]
