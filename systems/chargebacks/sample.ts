import { type Sample, type SampleOptions, yesterday } from 'millrace'

const rowsPerFile = 625 // about 55 KB of Parquet: the landing zone's files have 50 to 100 KB

/**
 * A believable day: one row in a thousand is a later version of an earlier one, a few have no id, some files lack
 * `updated_at` or have a column more, one was cut off while it was written. The same seed gives the same files.
 */
export function sample({ rows, now, seed }: SampleOptions): Sample {
  const day = yesterday(now)
  const folder = `landing/chargebacks/${day.replaceAll('-', '/')}`
  const fileCount = Math.max(2, Math.ceil(rows / rowsPerFile))
  const files = Array.from({ length: fileCount }, (_, index) => {
    const range = `n >= ${Math.floor((index * rows) / fileCount)} AND n < ${Math.floor(((index + 1) * rows) / fileCount)}`
    return {
      path: `${folder}/flink-${String(index).padStart(5, '0')}.parquet`,
      sql: `SELECT ${columnsOf(index)} FROM chargebacks WHERE ${range}`,
    }
  })
  return {
    prepare: [chargebacksSql(rows, day, seed)],
    files,
    raw: [
      { path: `${folder}/flink-cut-off.parquet`, content: 'PAR1 written by a job that was stopped before the footer' },
      { path: `${folder}/_SUCCESS`, content: '' },
    ],
  }
}

/** Writers of three versions: without `updated_at`, as declared, and with a risk score. */
function columnsOf(index: number): string {
  if (index % 10 === 3) return '* EXCLUDE (n, updated_at, risk_score)'
  return index % 10 === 7 ? '* EXCLUDE (n)' : '* EXCLUDE (n, risk_score)'
}

function chargebacksSql(rows: number, day: string, seed: number): string {
  // Evenly spread numbers that depend on the row, the seed and a position only.
  const random = (position: number, below: number): string => `CAST(hash(n, ${position}, ${seed}) % ${below} AS BIGINT)`
  const pick = (position: number, values: string[]): string =>
    `(['${values.join("', '")}'])[${random(position, values.length)} + 1]`
  // Every thousandth row is a later version of the row seven before it.
  const id = `CASE WHEN n % 1000 = 999 THEN n - 7 ELSE n END`
  return `
    CREATE TABLE chargebacks AS SELECT
      n,
      CASE WHEN n % 5000 = 4999 THEN CASE WHEN n % 10000 = 4999 THEN NULL ELSE '  ' END ELSE 'CB' || lpad(CAST(${id} AS VARCHAR), 12, '0') END AS chargeback_id,
      'TX' || substr(md5(CAST(${id} AS VARCHAR)), 1, 16) AS transaction_id,
      'M' || lpad(CAST(${random(1, 5000)} AS VARCHAR), 6, '0') AS merchant_id,
      'Loja ' || CAST(${random(1, 5000)} AS VARCHAR) AS merchant_name,
      ${pick(2, ['VISA', 'MASTERCARD', 'ELO', 'AMEX', 'HIPERCARD'])} AS card_brand,
      lpad(CAST(${random(3, 10000)} AS VARCHAR), 4, '0') AS card_last4,
      CAST(${random(4, 500000)} / 100.0 + 1 AS DECIMAL(18, 2)) AS amount,
      'BRL' AS currency,
      ${pick(5, ['10.4', '10.5', '11.3', '12.6', '13.1', '13.7'])} AS reason_code,
      ${pick(5, ['fraude sem cartão', 'fraude monitorada', 'sem autorização', 'processamento duplicado', 'mercadoria não recebida', 'cancelado'])} AS reason_description,
      ${pick(6, ['OPEN', 'UNDER_REVIEW', 'WON', 'LOST'])} AS status,
      'BR' AS country,
      TIMESTAMP '${day}' - to_days(CAST(${random(7, 30)} AS INTEGER)) + to_seconds(${random(8, 86400)}) AS created_at,
      TIMESTAMP '${day}' + to_microseconds(${random(9, 86400)} * 1000000) AS event_timestamp,
      CASE WHEN ${random(10, 3)} = 0 THEN NULL ELSE TIMESTAMP '${day}' + to_microseconds(${random(9, 86400)} * 1000000 + ${random(11, 3600)} * 1000000) END AS updated_at,
      CAST(${random(12, 1000)} AS INTEGER) AS risk_score
    FROM range(${rows}) AS t(n)`
}
