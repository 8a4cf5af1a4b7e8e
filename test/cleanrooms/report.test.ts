/** The report's files to the letter. */
import { describe, expect, it } from 'vitest'
import { observeAccount } from '../../src/cleanrooms/plan.ts'
import { reportFiles, reportOf } from '../../src/cleanrooms/report.ts'
import { addTable, apply, definitionWith, openRoom } from './room.ts'

const definition = definitionWith()
const now = new Date('2025-03-04T05:06:07.890Z')

describe('the report', () => {
  it('has every table of the catalog and every input field', async () => {
    const room = await openRoom()
    await apply(room, definition)
    const { cleanRooms } = await room.open()
    const before = await observeAccount(definition, 'dev', await room.open())
    const id = (name: string) =>
      before.resources.find((each) => each.kind === 'configured-table' && each.name === name)?.id
    await cleanRooms.updateConfiguredTableAnalysisRule({
      configuredTableIdentifier: id('part_ibe_01_a'),
      analysisRuleType: 'CUSTOM',
      analysisRulePolicy: {
        v1: { custom: { allowedAnalyses: ['ANY_QUERY'], allowedAnalysisProviders: ['444444444444'] } },
      },
    })
    await cleanRooms.deleteConfiguredTableAnalysisRule({
      configuredTableIdentifier: id('part_ibe_02_a'),
      analysisRuleType: 'CUSTOM',
    })
    await addTable(room.catalog, 'part_new', ['customer_user_id', 'x'])
    const observed = await observeAccount(definition, 'dev', await room.open())
    const [json, tables, identities] = reportFiles(reportOf(definition, 'dev', room.environment, observed, now))
    expect(tables).toEqual({
      path: 'cleanrooms-reports/ACX_Cleanroom_Report_20250304_050607_Tables.csv',
      content: [
        'table_name,status,associations,analysis_providers,ready_for_analysis\r\n',
        'part_addressable_ids,ACTIVE,acx_part_addressable_ids,444444444444;555555555555,true\r\n',
        'part_ibe_01_a,ACTIVE,acx_part_ibe_01_a,444444444444,false\r\n',
        'part_ibe_02_a,NO_RULE,acx_part_ibe_02_a,,false\r\n',
        'part_new,MISSING,,,false\r\n',
      ].join(''),
    })
    expect(identities).toEqual({
      path: 'cleanrooms-reports/ACX_Cleanroom_Report_20250304_050607_IdentityResolution.csv',
      content: [
        'id_namespace,schema_mapping,unique_id,input_field,match_key\r\n',
        'acx-dev,part_addressable_ids_er,customer_user_id,email,email\r\n',
        'acx-dev,part_addressable_ids_er,customer_user_id,work_email,email\r\n',
        'acx-dev,part_addressable_ids_er,customer_user_id,phone,phone\r\n',
        ',part_ibe_01_a_er,customer_user_id,ibe1_a,\r\n',
        ',part_ibe_02_a_er,customer_user_id,ibe2_a,\r\n',
      ].join(''),
    })
    expect(json?.path).toBe('cleanrooms-reports/ACX_Cleanroom_Report_20250304_050607.json')
    expect(JSON.parse(json?.content ?? '')).toMatchObject({
      generated_at: '2025-03-04T05:06:07.890Z',
      environment: 'dev',
      summary: { tables: 4, configured: 3, associated: 3, ready_for_analysis: 1, schema_mappings: 3, id_namespaces: 1 },
    })
  })

  it('quotes as RFC 4180 says', async () => {
    const room = await openRoom({ 'part_a,"b"': ['customer_user_id', 'x'] })
    const observed = await observeAccount(definition, 'dev', await room.open())
    const [, tables] = reportFiles(reportOf(definition, 'dev', room.environment, observed, now))
    expect(tables?.content.split('\r\n')[1]).toBe('"part_a,""b""",MISSING,,,false')
  })

  it('knows a table that is configured and not associated', async () => {
    const room = await openRoom({ part_a: ['customer_user_id', 'x'] })
    await apply(room, definitionWith({ association: null }))
    const observed = await observeAccount(definition, 'dev', await room.open())
    const report = reportOf(definition, 'dev', room.environment, observed, now)
    expect(report.tables).toMatchObject([{ status: 'NOT_ASSOCIATED', ready_for_analysis: false }])
  })

  it('calls no table ready that lint has an error about', async () => {
    const room = await openRoom()
    await apply(room, definition)
    const observed = await observeAccount(definition, 'dev', await room.open())
    const findings = [
      { level: 'error' as const, rule: 'codec', where: 'table part_ibe_01_a', message: 'zstd', source: 'quotas' },
      { level: 'warning' as const, rule: 'x', where: 'table part_ibe_02_a', message: 'perhaps', source: 'quotas' },
    ]
    const { tables, errors } = reportOf(definition, 'dev', room.environment, observed, now, findings)
    const ready = Object.fromEntries(
      tables.map(({ table_name, ready_for_analysis }) => [table_name, ready_for_analysis]),
    )
    expect(ready).toEqual({ part_addressable_ids: true, part_ibe_01_a: false, part_ibe_02_a: true })
    expect(errors).toEqual([findings[0]])
  })
})
