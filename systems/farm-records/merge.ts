/** The merge of either target: its own rows from the sources, in one pass. */
import { mergeInto } from 'millrace'
import { newestFirst, producersSql, producersTables } from './producers.ts'
import { compared, reporting, targets, updated } from './tables.ts'

type MergeTask = ReturnType<typeof mergeInto>

/** `fullLoad` leaves the rows that are there as they are; `states`: FSA codes, all states where there are none. */
export function mergeProducers(
  of: 'tract' | 'farm',
  { fullLoad, states }: { fullLoad: boolean; states: readonly string[] },
): MergeTask {
  const { name, key } = targets[of]
  const codes = states.map((state) => `'${state}'`).join(', ')
  return mergeInto(`cnsv-${of}-producer-year-merge`, {
    jobName: `cnsv-${of}-producer-year-merge`,
    into: `${reporting}.${name}`,
    using: { sql: producersSql(of), tables: producersTables(of) },
    on: key,
    orderBy: newestFirst,
    compare: compared,
    update: updated,
    insert: { load_timestamp: 'now()' },
    whenMatched: !fullLoad,
    ...(states.length === 0
      ? {}
      : {
          prune: {
            'sss.ibsp': `admin_state in (${codes})`,
            'farm_ref.county_office_control': `state_fsa_code in (${codes})`,
          },
        }),
    incremental: {
      restrict: {
        [`farm_ref.${of}_year`]: [`${of}_year_identifier`],
        'farm_ref.but000': ['core_customer_identifier'],
      },
    },
  })
}
