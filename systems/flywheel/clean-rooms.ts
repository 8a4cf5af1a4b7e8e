/** The clean rooms of the flywheel: every `part_` table for the AMC Service, and the identities behind them. */
import { defineCleanRooms } from 'millrace'

const amcService = '444444444444'
const querySubmitter = '555555555555' // also receives AMC's results

// Samples: a project puts its own accounts, roles and identifiers here.
const environmentOf = (env: 'dev' | 'prod', account: string, digit: string) => ({
  account,
  region: 'us-east-1',
  database: `omc_flywheel_${env}`,
  collaboration: `${digit.repeat(8)}-1111-4111-8111-${digit.repeat(12)}`,
  membership: `${digit.repeat(8)}-2222-4222-8222-${digit.repeat(12)}`,
  role: `arn:aws:iam::${account}:role/omc_flywheel-${env}-cleanrooms-role`,
  entityResolutionRole: `arn:aws:iam::${account}:role/omc_flywheel-${env}-entity-resolution-role`,
})

export default defineCleanRooms({
  name: 'flywheel',
  environments: {
    dev: environmentOf('dev', '111111111111', 'd'),
    prod: environmentOf('prod', '222222222222', 'a'),
  },
  tables: { prefix: 'part_' },
  analysisProviders: [amcService, querySubmitter],
  configuredTable: {
    name: '{table}',
    description: '{table} of the flywheel, by snapshot date',
    analysisRule: {
      type: 'CUSTOM',
      allowedAnalyses: ['ANY_QUERY'],
      allowedAnalysisProviders: [amcService, querySubmitter],
    },
  },
  // Before, associations were named as the tables are, which in a collaboration says nothing of whose they are.
  association: { name: 'acx_{table}', oldNames: ['{table}'] },
  entityResolution: {
    uniqueId: 'customer_user_id',
    inputFields: [
      { columns: ['email_sha256', '*_email_sha256'], type: 'EMAIL_ADDRESS', matchKey: 'hashed email', hashed: true },
      { columns: ['phone_sha256', '*_phone_sha256'], type: 'PHONE_NUMBER', matchKey: 'hashed phone', hashed: true },
      {
        columns: ['email', 'email_address', '*_email', '*_email_address', 'email1', 'email2', 'email_1', 'email_2'],
        type: 'EMAIL_ADDRESS',
        matchKey: 'email',
      },
      {
        columns: ['phone', 'phone_number', '*_phone', '*_phone_number', 'phone1', 'phone2', 'phone_1', 'phone_2'],
        type: 'PHONE_NUMBER',
        matchKey: 'phone',
      },
      { columns: ['first_name', 'firstname', 'given_name'], type: 'NAME_FIRST', groupName: 'NAME', matchKey: 'name' },
      { columns: ['middle_name'], type: 'NAME_MIDDLE', groupName: 'NAME', matchKey: 'name' },
      {
        columns: ['last_name', 'lastname', 'family_name', 'surname'],
        type: 'NAME_LAST',
        groupName: 'NAME',
        matchKey: 'name',
      },
      { columns: ['full_name', 'name'], type: 'NAME', matchKey: 'full name' },
      {
        columns: ['address1', 'address_1', 'street', 'street1', 'address_line_1', 'address'],
        type: 'ADDRESS_STREET1',
        groupName: 'ADDRESS',
        matchKey: 'address',
      },
      {
        columns: ['address2', 'address_2', 'street2', 'address_line_2'],
        type: 'ADDRESS_STREET2',
        groupName: 'ADDRESS',
        matchKey: 'address',
      },
      { columns: ['city'], type: 'ADDRESS_CITY', groupName: 'ADDRESS', matchKey: 'address' },
      { columns: ['state'], type: 'ADDRESS_STATE', groupName: 'ADDRESS', matchKey: 'address' },
      {
        columns: ['zip', 'zip_code', 'postal_code', 'postcode'],
        type: 'ADDRESS_POSTALCODE',
        groupName: 'ADDRESS',
        matchKey: 'address',
      },
      { columns: ['country', 'country_code'], type: 'ADDRESS_COUNTRY', groupName: 'ADDRESS', matchKey: 'address' },
      { columns: ['maid', '*_maid', 'idfa', 'gaid', 'aaid', 'mobile_ad_id'], type: 'MAID', matchKey: 'device' },
      { columns: ['ip', 'ip_address', 'ipv4'], type: 'IPV4', matchKey: 'ip address' },
      { columns: ['birth_date', 'date_of_birth', 'dob'], type: 'DATE', matchKey: 'date of birth' },
    ],
    idNamespaces: [{ name: 'acx-flywheel-{env}', description: 'identities of the flywheel, {env}', type: 'SOURCE' }],
  },
})
