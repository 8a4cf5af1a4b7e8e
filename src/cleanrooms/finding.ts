/** What lint finds: a rule that is broken, where, and whose rule it is. */

export type Finding = { level: 'error' | 'warning'; rule: string; where: string; message: string; source: string }

/** Where the rules are written. */
export const sources = {
  quotas: 'AWS Clean Rooms user guide, Quotas',
  formats: 'AWS Clean Rooms user guide, Data formats',
  iceberg: 'AWS Clean Rooms user guide, Apache Iceberg tables',
  rules: 'AWS Clean Rooms user guide, Analysis rules',
  custom: 'AWS Clean Rooms API reference, AnalysisRuleCustom',
  model: 'the service’s API model',
  erQuotas: 'AWS Entity Resolution user guide, Quotas',
  erSchema: 'AWS Entity Resolution API reference, CreateSchemaMapping',
}

/** What the service would refuse, or what makes a table useless. */
export function error(rule: string, where: string, message: string, source: string): Finding {
  return { level: 'error', rule, where, message, source }
}

/** What may be meant. */
export function warning(rule: string, where: string, message: string, source: string): Finding {
  return { ...error(rule, where, message, source), level: 'warning' }
}

/** Names in a sentence. */
export function listed(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`
}
