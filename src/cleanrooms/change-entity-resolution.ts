/** Makes, changes and removes the resources of Entity Resolution and the Glue tables that it reads. */
import type {
  CreateIdNamespaceInput,
  IdNamespaceIdMappingWorkflowProperties,
  IdNamespaceInputSource,
  IdNamespaceType,
  SchemaInputAttribute,
} from '@aws-sdk/client-entityresolution'
import type { Column, TableInput } from '@aws-sdk/client-glue'
import type { Maker } from './change-clean-rooms.ts'
import type { Fields } from './resources.ts'

export const erTableMaker: Maker = {
  create: async ({ account }, name, fields) => {
    const database = String(fields.database)
    await account.glue.createTable({ DatabaseName: database, TableInput: tableInput(name, fields) })
    return `${database}.${name}`
  },
  update: async ({ account }, name, fields) =>
    await account.glue.updateTable({ DatabaseName: String(fields.database), TableInput: tableInput(name, fields) }),
  remove: async ({ account }, name, fields) =>
    await account.glue.deleteTable({ DatabaseName: String(fields.database), Name: name }),
}

export const schemaMappingMaker: Maker = {
  create: async ({ account }, schemaName, fields) => {
    await account.entityResolution.createSchemaMapping({ schemaName, ...schemaMembers(fields) })
    return schemaName
  },
  update: async ({ account }, schemaName, fields) =>
    await account.entityResolution.updateSchemaMapping({ schemaName, ...schemaMembers(fields) }),
  remove: async ({ account }, schemaName) => await account.entityResolution.deleteSchemaMapping({ schemaName }),
}

export const idNamespaceMaker: Maker = {
  create: async ({ account }, idNamespaceName, fields) => {
    const type = fields.type as IdNamespaceType
    await account.entityResolution.createIdNamespace({ idNamespaceName, type, ...namespaceMembers(fields) })
    return idNamespaceName
  },
  update: async ({ account }, idNamespaceName, fields) =>
    await account.entityResolution.updateIdNamespace({ idNamespaceName, ...namespaceMembers(fields) }),
  remove: async ({ account }, idNamespaceName) => await account.entityResolution.deleteIdNamespace({ idNamespaceName }),
}

function tableInput(Name: string, fields: Fields): TableInput {
  return {
    Name,
    TableType: 'EXTERNAL_TABLE',
    Description: String(fields.description ?? ''),
    PartitionKeys: fields.partitionKeys as unknown as Column[],
    Parameters: fields.parameters as Record<string, string>,
    StorageDescriptor: {
      Columns: fields.columns as unknown as Column[],
      Location: String(fields.location),
      InputFormat: String(fields.inputFormat),
      OutputFormat: String(fields.outputFormat),
      Compressed: false,
      NumberOfBuckets: -1, // not bucketed
      BucketColumns: [],
      SortColumns: [],
      SerdeInfo: {
        SerializationLibrary: String(fields.serializationLibrary),
        Parameters: fields.serdeParameters as Record<string, string>,
      },
    },
  }
}

function schemaMembers(fields: Fields) {
  return {
    description: String(fields.description ?? ''),
    mappedInputFields: fields.mappedInputFields as unknown as SchemaInputAttribute[],
  }
}

function namespaceMembers(fields: Fields): Omit<CreateIdNamespaceInput, 'idNamespaceName' | 'type'> {
  return {
    description: String(fields.description ?? ''),
    inputSourceConfig: (fields.inputSourceConfig ?? []) as unknown as IdNamespaceInputSource[],
    ...(fields.idMappingWorkflowProperties === undefined
      ? {}
      : {
          idMappingWorkflowProperties:
            fields.idMappingWorkflowProperties as unknown as IdNamespaceIdMappingWorkflowProperties[],
        }),
    ...(fields.roleArn === undefined ? {} : { roleArn: String(fields.roleArn) }),
  }
}
