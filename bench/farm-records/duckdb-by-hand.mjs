/**
 * Both merges as one script in DuckDB, tuned by hand for this job alone: the join, the newest row of every key, what is new or
 * differs, written as Parquet. It reads plain Parquet and knows nothing of Iceberg, snapshots or PostgreSQL.
 *
 *     node duckdb-by-hand.mjs <folder of tables> <target folder>
 *
 * The folder holds sss.<table>.parquet, farm_ref.<table>.parquet and the targets as they stand.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

const [tables, out] = process.argv.slice(2)
const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
const run = async (sql) => await connection.run(sql)
const read = (name) => `read_parquet('${join(tables, name).replaceAll("'", "''")}.parquet')`
mkdirSync(out, { recursive: true })

const shared = `
  u.core_customer_identifier, p.valid_from AS producer_involvement_start_date, p.valid_to AS producer_involvement_end_date,
  coalesce(m.interrupted_ind, 'N') AS producer_involvement_interrupted_indicator,
  z.hel_code AS tract_producer_hel_exception_code, z.cw_code AS tract_producer_cw_exception_code,
  z.pcw_code AS tract_producer_pcw_exception_code,
  CASE WHEN p.valid_to IS NULL OR p.valid_to >= make_date(z.crop_year, 12, 31) THEN 'A' ELSE 'I' END AS data_status_code,
  greatest(s.UPTIM, p.UPTIM, c.UPTIM, z.UPTIM) AS creation_date, creation_date AS last_change_date,
  coalesce(m.changed_by, 'SSS') AS last_change_user_name,
  CASE c.partner_fct WHEN 'ZFARMOPR' THEN 'OP' WHEN 'ZFARMOWN' THEN 'OW' ELSE 'OT' END AS producer_involvement_code,
  tp.time_period_identifier, k.state_fsa_code, k.county_fsa_code, f.farm_identifier, f.farm_number, p.segment_recno`
const ofTract = `
  ty.tract_year_identifier, t.tract_number, z.hel_appeals_date AS hel_appeals_exhausted_date,
  z.cw_appeals_date AS cw_appeals_exhausted_date, z.pcw_appeals_date AS pcw_appeals_exhausted_date,
  z.rma_hel_code AS tract_producer_rma_hel_exception_code, z.rma_cw_code AS tract_producer_rma_cw_exception_code,
  z.rma_pcw_code AS tract_producer_rma_pcw_exception_code`
const chain = `
  FROM ${read('sss.ibsp')} s JOIN ${read('sss.ibin')} n USING (instance) JOIN ${read('sss.ibib')} b USING (ibase)
  JOIN ${read('sss.ibpart')} p USING (segment) JOIN ${read('sss.crmd_partner')} c ON c.guid = p.partner_guid
  JOIN ${read('farm_ref.but000')} u ON u.partner = c.partner_no
  JOIN ${read('sss.z_ibase_comp_detail')} z ON z.instance = n.instance AND z.ibase = n.ibase
  JOIN ${read('farm_ref.time_period')} tp ON tp.time_period_name = z.crop_year::VARCHAR AND tp.data_status_code = 'A'
  JOIN ${read('farm_ref.county_office_control')} k ON k.state_fsa_code = s.admin_state AND k.county_fsa_code = s.admin_county
  JOIN ${read('farm_ref.farm')} f
    ON f.county_office_control_identifier = k.county_office_control_identifier AND f.farm_number = b.farm_number
  JOIN ${read('farm_ref.farm_year')} fy
    ON fy.farm_identifier = f.farm_identifier AND fy.time_period_identifier = tp.time_period_identifier`
const tractChain = `
  JOIN ${read('farm_ref.tract')} t
    ON t.county_office_control_identifier = k.county_office_control_identifier AND t.tract_number = s.tract_number
  JOIN ${read('farm_ref.tract_year')} ty
    ON ty.tract_identifier = t.tract_identifier AND ty.farm_year_identifier = fy.farm_year_identifier`
const interruptions = `
  LEFT JOIN ${read('sss.comm_pr_frg_rel')} r ON r.product_guid = s.product_guid
  LEFT JOIN ${read('sss.zmi_farm_partn')} m ON m.frg_guid = r.fragment_guid AND m.partner_no = c.partner_no
  WHERE c.partner_fct IN ('ZFARMOPR', 'ZFARMOWN', 'ZFARMOTH')`
const compared = [
  'producer_involvement_start_date',
  'producer_involvement_end_date',
  'tract_producer_hel_exception_code',
  'tract_producer_cw_exception_code',
  'tract_producer_pcw_exception_code',
  'data_status_code',
]
const replaced = [...compared, 'last_change_date', 'last_change_user_name']

await merge('tract', `SELECT ${ofTract},${shared}, s.instance ${chain} ${tractChain} ${interruptions}`)
await merge('farm', `SELECT fy.farm_year_identifier,${shared}, s.instance ${chain} ${interruptions}`)

async function merge(of, select) {
  const key = ['core_customer_identifier', `${of}_year_identifier`, 'producer_involvement_code']
  await run(`CREATE TABLE joined AS ${select}`)
  const order =
    'last_change_date DESC, producer_involvement_start_date DESC NULLS LAST, segment_recno DESC, instance DESC'
  // Only the rows of keys that occur twice are sorted.
  await run(`CREATE TABLE losers AS SELECT row_id FROM (
    SELECT rowid AS row_id, row_number() OVER (PARTITION BY ${key.join(', ')} ORDER BY ${order}) AS place
    FROM joined SEMI JOIN (SELECT ${key.join(', ')} FROM joined GROUP BY ALL HAVING count(*) > 1) twins USING (${key.join(', ')}))
    WHERE place > 1`)
  const target = read(`farm_records_reporting.${of}_producer_year`)
  const differs = compared.map((column) => `t.${column} IS DISTINCT FROM s.${column}`).join(' OR ')
  const join = key.map((column) => `t.${column} = s.${column}`).join(' AND ')
  const updated = replaced.map((column) => `s.${column} AS ${column}`).join(', ')
  const source = `(SELECT * EXCLUDE (segment_recno, instance) FROM joined ANTI JOIN losers ON joined.rowid = losers.row_id)`
  await run(`COPY (
      SELECT t.* REPLACE (${updated}) FROM ${source} s JOIN ${target} t ON ${join} WHERE ${differs}
      UNION ALL BY NAME
      SELECT s.*, now() AS load_timestamp FROM ${source} s ANTI JOIN ${target} t ON ${join})
    TO '${quoted(out, `${of}.parquet`)}' (FORMAT parquet)`)
  await run('DROP TABLE joined')
  await run('DROP TABLE losers')
}

function quoted(...parts) {
  return join(...parts).replaceAll("'", "''")
}
