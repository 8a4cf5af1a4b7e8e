import { codecs, consolidate, datedFolder, dayPartitions, definePipeline, every, newest, yesterday, z } from 'millrace'
import { sample } from './sample.ts'

export default definePipeline({
  name: 'chargebacks',
  description: 'a day of small Parquet files → one checked, de-duplicated, well-sized partition',
  schedule: every('6 hours'),
  params: {
    sourceDatabase: z.string().optional(),
    sourceTable: z.string().optional(),
    outputPath: z.string().default('consolidated/chargebacks'),
    outputFileCount: z.int().min(1).max(10_000).default(10),
    compressionCodec: z.enum(codecs).default('snappy'),
    executionTime: z.iso.datetime({ offset: true }),
    executionSequence: z.int().min(1).default(1),
    totalExecutions: z.int().min(1).default(4),
    enablePartitionFilter: z.boolean().default(true),
    partitionDate: z.iso.date(),
  },
  defaults: (now) => ({ executionTime: now.toISOString(), partitionDate: yesterday(now) }),
  check: ({ executionSequence, totalExecutions, sourceDatabase, sourceTable }) => [
    ...(executionSequence > totalExecutions
      ? [
          `--execution-sequence  ${executionSequence} is refused: expected 1 to ${totalExecutions}, the --total-executions`,
        ]
      : []),
    ...((sourceDatabase === undefined) !== (sourceTable === undefined)
      ? ['--source-database and --source-table  one is given without the other. Give both, or neither']
      : []),
  ],
  metrics: ['records_processed', 'duplicates_removed', 'output_files', 'duration_seconds'],
  tasks: ({
    sourceDatabase,
    sourceTable,
    outputPath,
    outputFileCount,
    compressionCodec,
    enablePartitionFilter,
    partitionDate,
  }) => [
    consolidate('consolidate-chargebacks', {
      jobName: 'poc-chargeback-{env}-chargebacks-consolidation',
      from: datedFolder('landing/chargebacks', {
        table: sourceDatabase && sourceTable ? { database: sourceDatabase, table: sourceTable } : undefined,
        day: enablePartitionFilter ? partitionDate : 'all',
      }),
      columns: {
        chargeback_id: 'string',
        transaction_id: 'string',
        merchant_id: 'string',
        merchant_name: 'string',
        card_brand: 'string',
        card_last4: 'string',
        amount: 'decimal(18,2)',
        currency: 'string',
        reason_code: 'string',
        reason_description: 'string',
        status: 'string',
        country: 'string',
        created_at: 'timestamp',
        event_timestamp: 'timestamp',
        updated_at: 'timestamp',
      },
      optional: ['updated_at'],
      reject: { 'chargeback_id is missing': 'is_blank(chargeback_id)' },
      keep: newest({ key: 'chargeback_id', by: ['coalesce(updated_at, event_timestamp)', 'event_timestamp'] }),
      checks: {
        blank_keys: 'is_blank(chargeback_id)',
        amount_null: 'amount IS NULL',
        amount_negative: 'amount < 0',
        timestamps_outside_day: 'event_timestamp < {day} OR event_timestamp >= add_days({day}, 1)',
      },
      to: dayPartitions(outputPath, { files: outputFileCount, codec: compressionCodec }),
    }),
  ],
  sample,
})
