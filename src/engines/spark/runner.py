"""
Executes Millrace plans on Spark: reads what a plan lists, stages what it names, publishes nothing.

One file for a laptop, AWS Glue 5 and EMR Serverless: a plain SparkSession, Python 3.8, PySpark 3.5. It works through
the JVM only (no Python workers), so that Python is needed on the driver alone. The terms are those of src/types.ts.
"""
import argparse
import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

SETTINGS = {
    'spark.sql.session.timeZone': 'UTC',
    # Spark 3.5's own default and Glue's: the portable functions are written for it, and views may count on x / 0 being
    # null. What Millrace casts itself (inputs to the plan's types, outputs) is strict all the same: see `strict`.
    'spark.sql.ansi.enabled': 'false',
    'spark.sql.caseSensitive': 'false',
    'spark.sql.timestampType': 'TIMESTAMP_NTZ',  # `timestamp` in a query has no zone, as in the plan
    'spark.sql.variable.substitute': 'false',  # else '${x}' in a text is replaced
    'spark.sql.parser.escapedStringLiterals': 'false',
    'spark.sql.legacy.timeParserPolicy': 'CORRECTED',
    'spark.sql.parquet.outputTimestampType': 'TIMESTAMP_MICROS',
    'spark.sql.parquet.writeLegacyFormat': 'false',
    # Days before 1582-10-15 are what the file says: no calendar is converted, as in DuckDB.
    'spark.sql.parquet.datetimeRebaseModeInRead': 'CORRECTED',
    'spark.sql.parquet.datetimeRebaseModeInWrite': 'CORRECTED',
    'spark.sql.parquet.int96RebaseModeInRead': 'CORRECTED',
    'spark.sql.parquet.int96TimestampConversion': 'false',  # else INT96 from other writers is shifted
    'spark.sql.files.ignoreCorruptFiles': 'false',
    'spark.sql.files.ignoreMissingFiles': 'false',
    'spark.sql.files.maxRecordsPerFile': '0',  # else a file of an output becomes several
    'spark.sql.maxPlanStringLength': '10000',  # a list of files is part of a query plan, which Spark likes to print
}

HEAP_SHARE = 0.8  # of the memory given: the rest is for Python and what the JVM keeps outside its heap
HEAP_MEGABYTES_MIN = 768  # Spark refuses to start below 450 MB
SHUFFLE_BYTES = 32 * 2**20  # of compressed Parquet for each shuffle partition: several times that once unpacked
SHUFFLE_PARTITIONS_MAX = 2000
FOOTER_THREADS = 8  # footers are small: waiting for storage is what takes time
PATTERN_FILES_MAX = 20  # see `read_files`
FILE_COLUMN = '_millrace_file'
DETAIL_LENGTH_MAX = 20000  # a few stack traces


class PlanError(Exception):
    """The plan asks for what Spark cannot do."""


class InputUnreadable(Exception):
    """A listed file cannot be read."""


# -------------------------------------------------------------------------------------------------------- portable SQL

# Unicode's White_Space property, and the four separators that Java and Python count as white space too.
WHITESPACE = ''.join(
    chr(point)
    for point in [
        *range(0x09, 0x0E), *range(0x1C, 0x20), 0x20, 0x85, 0xA0, 0x1680,
        *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
    ]
)  # fmt: skip
COMMENT = re.compile(r'--[^\n]*|/\*[\s\S]*?\*/')
WORD = re.compile(r'[\w$]+')


def expand(sql, functions):
    """A portable query in Spark's SQL; `functions` is portable-functions.json. The twin of expandPortable."""
    out = []
    at = 0
    while at < len(sql):
        char = sql[at]
        if char in '\'"':
            end = quoted_end(sql, at)
            out.append(quoted(sql[at:end]))
            at = end
            continue
        end = comment_end(sql, at)
        if end is not None:
            out.append(' ')
            at = end
            continue
        word = WORD.match(sql, at)
        if word is None:
            out.append(char)
            at += 1
            continue
        at = word.end()
        template = functions.get(word.group().lower())
        if template is None or sql[at : at + 1] != '(':
            out.append(word.group())
            continue
        values, at = call_arguments(sql, at)
        out.append(fill(word.group(), template['spark'], [expand(value.strip(), functions) for value in values]))
    return ''.join(out)


def comment_end(sql, at):
    """Where a comment that starts here ends, or None."""
    comment = COMMENT.match(sql, at)
    if comment is None and sql[at : at + 2] == '/*':
        raise PlanError('a comment that starts at character %d never ends: %s' % (at, sql[at : at + 40]))
    return comment and comment.end()


def fill(name, template, values):
    count = max(int(position) for position in re.findall(r'\$(\d)', template))
    if len(values) != count:
        raise PlanError('%s takes %d arguments, not %d: %s' % (name, count, len(values), ', '.join(values)))

    def value(match):
        if match.group(1) is not None:
            return sql_type(values[int(match.group(1)) - 1])
        return WHITESPACE if match.group(2) is None else values[int(match.group(2)) - 1]

    return re.sub(r'\{type:\$(\d)\}|\$(\d)|\{whitespace\}', value, template)


def quoted_end(sql, start):
    at = start + 1
    while at < len(sql):
        if sql[at] == sql[start]:
            if sql[at + 1 : at + 2] != sql[start]:
                return at + 1
            at += 1
        at += 1
    raise PlanError('text that starts at character %d never ends: %s' % (start, sql[start : start + 40]))


def quoted(token):
    """Spark reads names in backticks, and backslashes in text as escapes."""
    if token[0] == '"':
        return quote(token[1:-1].replace('""', '"'))
    return "'%s'" % token[1:-1].replace('\\', '\\\\').replace("''", "\\'")


def call_arguments(sql, start):
    values = []
    depth = 0
    begin = at = start
    while at < len(sql):
        char = sql[at]
        end = comment_end(sql, at)
        if end is not None:
            at = end - 1
        elif char in '\'"':
            at = quoted_end(sql, at) - 1
        elif char in '([{':
            depth += 1
        elif char in ')]}':
            depth -= 1
        if (char == ',' and depth == 1) or depth == 0:
            values.append(sql[begin + 1 : at])
            begin = at
        if depth == 0:
            return values, at + 1
        at += 1
    raise PlanError('a call that starts at character %d never ends: %s' % (start, sql[start : start + 40]))


def quote(name):
    """A name as Spark's SQL writes it, whatever it contains."""
    return '`%s`' % name.replace('`', '``')


# --------------------------------------------------------------------------------------------------------------- types


def spark_type(text, zoned=False):
    """
    A type in Hive's spelling as Spark's. `zoned`: timestamps without a zone become instants too, which is how files are
    read: Spark reads INT96 and adjusted timestamps only so, and in UTC nothing shifts.
    """
    from pyspark.sql import types

    simple = {
        'string': types.StringType, 'null': types.StringType, 'boolean': types.BooleanType, 'tinyint': types.ByteType,
        'smallint': types.ShortType, 'int': types.IntegerType, 'bigint': types.LongType,
        'float': types.FloatType, 'double': types.DoubleType,
        'date': types.DateType, 'binary': types.BinaryType, 'timestamptz': types.TimestampType,
        'timestamp': types.TimestampType if zoned else types.TimestampNTZType,
    }  # fmt: skip
    if text in simple:
        return simple[text]()
    decimal = re.match(r'^decimal\((\d+),(\d+)\)$', text)
    if decimal:
        return types.DecimalType(int(decimal.group(1)), int(decimal.group(2)))
    nested = re.match(r'^(array|map|struct)<(.*)>$', text, re.S)
    if nested is None:
        raise PlanError('type %s is none that Spark 3.5 has; run this with --engine duckdb' % text)
    kind, parts = nested.group(1), split_top(nested.group(2))
    if kind == 'struct':
        fields = [FIELD.match(part) for part in parts]
        names = [unquoted(match.group(1)) for match in fields]
        return types.StructType(
            [types.StructField(name, spark_type(match.group(2), zoned)) for name, match in zip(names, fields)]
        )
    of = [spark_type(part, zoned) for part in parts]
    return types.ArrayType(of[0]) if kind == 'array' else types.MapType(of[0], of[1])


def sql_type(text):
    """A type in Hive's spelling as Spark's SQL writes it."""
    return spark_type(text).simpleString()


FIELD = re.compile(r'(\w+|`(?:[^`]|``)*`):(.*)$', re.S)


def unquoted(name):
    return name[1:-1].replace('``', '`') if name.startswith('`') else name


def split_top(text):
    """The parts between commas that are in no bracket and in no backticks."""
    parts, depth = [''], 0
    for token in re.findall(r'`(?:[^`]|``)*`|[^`]', text):
        depth += (token in ('<', '(')) - (token in ('>', ')'))
        if token == ',' and depth == 0:
            parts.append('')
        else:
            parts[-1] += token
    return parts


@contextlib.contextmanager
def strict(spark):
    """Casts made herein fail where a value does not fit, instead of giving null or another number."""
    spark.conf.set('spark.sql.ansi.enabled', 'true')
    try:
        yield
    finally:
        spark.conf.set('spark.sql.ansi.enabled', 'false')


# ------------------------------------------------------------------------------------------------------------- storage


def is_url(path):
    return re.match(r'^[A-Za-z][A-Za-z0-9+.-]*://', path) is not None


def locate(root, path):
    """The URL of a path below a root; Hadoop takes such text to the letter, so nothing in it is escaped."""
    return '%s/%s' % ((root if is_url(root) else 'file://' + root).rstrip('/'), path)


class Storage:
    """Hadoop's view of files, by URL."""

    def __init__(self, spark):
        self.jvm = spark.sparkContext._jvm
        self.configuration = spark.sparkContext._jsc.hadoopConfiguration()

    def path(self, url):
        return self.jvm.org.apache.hadoop.fs.Path(url)

    def system(self, url):
        return self.path(url).getFileSystem(self.configuration)

    def list(self, url):
        return [(status.getPath().getName(), status.getLen()) for status in self.system(url).listStatus(self.path(url))]

    def footer(self, url):
        """The Parquet schema and the number of rows of a file."""
        parquet = self.jvm.org.apache.parquet.hadoop
        opened = parquet.util.HadoopInputFile.fromPath(self.path(url), self.configuration)
        reader = parquet.ParquetFileReader.open(opened)
        try:
            return reader.getFooter().getFileMetaData().getSchema(), reader.getRecordCount()
        finally:
            reader.close()

    def scan_path(self, url):
        """What `input_file_name` says of a file, without scheme and host."""
        return self.path(url).toUri().getRawPath()


def looks_into(storage, urls):
    """For every file its Parquet schema, or the error in its place."""

    def look(url):
        try:
            return storage.footer(url)[0]
        except Exception as error:  # whatever it is, the file cannot be read
            return error

    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        return list(pool.map(look, urls))


# -------------------------------------------------------------------------------------------------------------- inputs


def create_input(spark, storage, root, given):
    """Makes an input of the plan readable under its name, and its list of files when lineage is asked for."""
    from pyspark.sql import functions as F

    groups = {}
    files = [(number, file) for number, file in enumerate(given['files']) if file['rows'] > 0]
    urls = [locate(root, file['path']) for _, file in files]
    looks = looks_into(storage, urls)
    wrong = [(file['path'], look) for (_, file), look in zip(files, looks) if isinstance(look, Exception)]
    if wrong:
        more = '' if len(wrong) == 1 else ' (and %d more)' % (len(wrong) - 1)
        raise InputUnreadable('%s%s cannot be read (%s)' % (wrong[0][0], more, message_of(wrong[0][1])))
    # The same Hive type can lie in a file in several ways, so files are told apart by what their footers say too.
    for (_, file), url, look in zip(files, urls, looks):
        variants = groups.setdefault(file['schema'], [])
        variant = next((variant for variant in variants if variant[0].equals(look)), None)
        if variant is None:
            variant = (look, [])
            variants.append(variant)
        variant[1].append(url)
    parts = [
        select_columns(frame, given['columns'], given['schemas'][schema], oddities, given['lineage'])
        for schema, variants in sorted(groups.items())
        for look, group in variants
        for oddities in [odd_columns(look)]
        for frame in read_files(spark, read_schema(given['columns'], given['schemas'][schema], oddities), group)
    ]
    frame = parts[0] if parts else empty_relation(spark, given)
    for part in parts[1:]:
        frame = frame.unionByName(part)
    if given['lineage']:
        paths = [{'file_number': number, 'path': file['path']} for number, file in enumerate(given['files'])]
        create_view(table_of(spark, paths, 'file_number int, path string'), given['name'] + '_files')
    if given['lineage'] and parts:
        numbers = [{'$path': storage.scan_path(url), '_file': number} for (number, _), url in zip(files, urls)]
        listed = table_of(spark, numbers, '`$path` string, `_file` int')
        # A row whose file is not known must stop the run: without its file it would count as no input.
        unknown = F.raise_error(F.concat(F.lit('no listed file is '), F.col('`$path`'))).cast('int')
        known = F.coalesce(F.col('_file'), unknown)
        frame = frame.join(F.broadcast(listed), '$path', 'left').select(
            *[F.col(quote(column['name'])) for column in given['columns']], known.alias('_file'), F.col('_row')
        )
    create_view(frame, given['name'])


def odd_columns(look):
    """Columns that Spark 3.5 reads only as something else, name → how: times in nanoseconds, UUIDs."""
    kinds = r'\((TIMESTAMP\(NANOS,\w+\)|UUID)\)'
    line = r'^  (?:optional|required) (?:int64|fixed_len_byte_array\(16\)) (.+) %s(?: = \d+)?;$' % kinds
    return {name: kind[:4] for name, kind in re.findall(line, look.toString(), re.M)}


def by_name(schema):
    return {column['name'].lower(): column for column in schema}


def read_schema(columns, schema, oddities):
    """The columns of the plan that the files have. Spark is told the types: it would learn them from one file only."""
    from pyspark.sql import types

    fields, there = [], by_name(schema)
    for column in columns:
        found = there.get(column['name'].lower())
        if found is not None:
            odd = {'TIME': types.LongType(), 'UUID': types.BinaryType()}.get(oddities.get(found['name']))
            fields.append(types.StructField(found['name'], odd or spark_type(found['type'], zoned=True)))
    return types.StructType(fields)


def read_files(spark, schema, urls):
    """
    Frames over files whose names are taken to the letter. Without globbing Spark 3.5 lists all paths of a call once
    more for each path that looks like a pattern, so those are read a few at a time.
    """
    patterns = [url for url in urls if re.search(r'[{}\[\]*?\\]', url)]
    plain = [url for url in urls if url not in set(patterns)]
    pieces = [patterns[at : at + PATTERN_FILES_MAX] for at in range(0, len(patterns), PATTERN_FILES_MAX)]
    # The look-up stops Spark from making columns out of folders such as `day=01`.
    reader = spark.read.option('__globPaths__', 'false').option('recursiveFileLookup', 'true').schema(schema)
    return [reader.parquet(*piece) for piece in [plain, *pieces] if piece]


def select_columns(frame, columns, schema, oddities, lineage):
    from pyspark.sql import functions as F

    there = by_name(schema)
    with strict(frame.sparkSession):
        selected = [input_column(column, there.get(column['name'].lower()), oddities) for column in columns]
        if lineage:
            path = F.regexp_replace(F.input_file_name(), r'^[^/]*:(//[^/]*)?', '')
            selected += [path.alias('$path'), F.col('_metadata.row_index').alias('_row')]
        return frame.select(*selected)


def input_column(column, found, oddities):
    from pyspark.sql import functions as F

    to = spark_type(column['type'])
    if found is None:
        return F.lit(None).cast(to).alias(column['name'])
    name = quote(found['name'])
    value = F.col(name)
    odd = oddities.get(found['name'])
    if odd is None and found['name'] == column['name'] and spark_type(found['type'], zoned=True) == to:
        return value  # see `output_column`
    if odd == 'TIME':  # nanoseconds are cut off, as DuckDB does
        value = F.expr('timestamp_micros(%s div 1000)' % name)
        value = value if found['type'] == 'timestamptz' else value.cast('timestamp_ntz')
    elif odd == 'UUID':
        value = F.regexp_replace(F.lower(F.hex(value)), '^(.{8})(.{4})(.{4})(.{4})', '$1-$2-$3-$4-')
    if column['type'] == 'string' and found['type'] == 'timestamptz':
        value = F.concat(value.cast('string'), F.lit('+00'))  # as DuckDB writes an instant
    return value.cast(to).alias(column['name'])


def empty_relation(spark, given):
    from pyspark.sql import functions as F

    columns = [F.lit(None).cast(spark_type(column['type'])).alias(column['name']) for column in given['columns']]
    lineage = [F.lit(None).cast('int').alias('_file'), F.lit(None).cast('bigint').alias('_row')]
    return spark.range(0).select(*columns, *(lineage if given['lineage'] else []))


def table_of(spark, rows, schema):
    """A small relation from values, made in the JVM: createDataFrame would start Python workers."""
    from pyspark.sql import functions as F

    return spark.range(1).select(F.inline(F.from_json(F.lit(json.dumps(rows)), 'array<struct<%s>>' % schema)))


# --------------------------------------------------------------------------------------------------- views and metrics


def create_view(frame, name):
    frame.createOrReplaceTempView(quote(name))


def create_kept_view(frame, name):
    """A view that is read more than once."""
    from pyspark import StorageLevel

    create_view(frame.persist(StorageLevel.MEMORY_AND_DISK), name)


def create_sql_view(spark, view, functions):
    create = create_kept_view if view['once'] else create_view
    create(spark.sql(expand(view['sql'], functions)), view['name'])


def rows_where(choice, functions):
    # In single brackets a name alone would be a column's alias, and WHERE the table's.
    return '%s WHERE ((%s))' % (quote(choice['from']), expand(choice['where'], functions))


def create_newest(spark, view, functions):
    """Makes the view of the greatest row of every key; gives the number of rows that are not."""
    newest = view['newest']
    keys = ', '.join(quote(name) for name in newest['key'])
    where = rows_where(newest, functions)
    order = ', '.join('%s DESC NULLS LAST' % expand(term, functions) for term in newest['orderBy'])
    columns = ', '.join(quote(name) for name in view['columns'])
    placed = 'SELECT %s FROM (SELECT *, row_number() OVER (PARTITION BY %s ORDER BY %s) AS `$place` FROM %s) WHERE `$place` %s 1'
    create_view(spark.sql(placed % (columns, keys, order or keys, where, '=')), view['name'])
    if newest.get('superseded') is not None:
        create_view(spark.sql(placed % (columns, keys, order or keys, where, '>')), newest['superseded'])
    return spark.sql('SELECT count(*) - count(DISTINCT struct(%s)) FROM %s' % (keys, where)).first()[0]


def create_repeated(spark, view, functions):
    repeated = view['repeated']
    keys = ', '.join(quote(name) for name in repeated['key'])
    where = rows_where(repeated, functions)
    frame = spark.sql('SELECT %s FROM %s GROUP BY %s HAVING count(*) > 1' % (keys, where, keys))
    create_kept_view(frame, view['name'])


def metrics_of(spark, metrics, functions):
    rows = spark.sql(expand(metrics['sql'], functions)).take(2)
    if len(rows) != 1:
        raise PlanError('gives %s, not one row' % ('no row' if not rows else 'several rows'))
    return {name: number(name, value) for name, value in rows[0].asDict().items()}


def number(name, value):
    if value is None:
        return 0
    try:
        as_float = float(value)
        return int(value) if as_float.is_integer() else as_float
    except (TypeError, ValueError, OverflowError):
        raise PlanError('%s is %r, not a number' % (name, value)) from None


# ------------------------------------------------------------------------------------------------------------- outputs


def write_output(spark, storage, output, is_cached, staging, suffix):
    """
    Writes a view as files whose rows differ by one at most; gives its rows and the files. Every row gets its place in
    the whole from the counts of the partitions before its own, the place its file, and each file is one Hive partition
    of a folder apart, out of which the files are then moved.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    frame = spark.table(quote(output['view']))
    with strict(spark):
        there = {field.name: field.dataType for field in frame.schema.fields}
        split = output.get('split')
        parts = [] if split is None else [part_column(split)]
        frame = frame.select(*[output_column(column, there) for column in output['columns']], *parts)
    # Rows that are made twice could come in another order the second time, and one be lost for another.
    frame = frame if is_cached else frame.persist(StorageLevel.MEMORY_AND_DISK)
    if output.get('split') is not None:
        return write_parts(spark, storage, frame, output, staging, suffix)
    if output.get('bucketed') is not None:
        return write_bucketed(spark, storage, frame, output, staging)
    counts = frame.groupBy(F.spark_partition_id().cast('bigint').alias('part')).count().orderBy('part').collect()
    rows = sum(count for _, count in counts)
    file_count = min(output['fileCount'], rows)
    files = []
    if file_count > 0:
        apart = locate(staging, '_writing-%s' % output['name'])
        writer = spread_rows(spark, frame, counts, rows, file_count).write.option('compression', output['codec'])
        writer.partitionBy(FILE_COLUMN).parquet(apart)
        files = move_files(storage, apart, output['name'], staging, suffix)
        storage.system(apart).delete(storage.path(apart), True)
    if not is_cached:
        frame.unpersist()
    return rows, files


def part_column(split):
    """The index of the value of a split output's column; null for other values."""
    from pyspark.sql import functions as F

    value = F.col(quote(split['by']))
    index = F.lit(None).cast('int')
    for number, text in enumerate(split['values']):
        index = F.when(value == F.lit(text), F.lit(number)).otherwise(index)
    return index.alias(FILE_COLUMN)


def write_parts(spark, storage, frame, output, staging, suffix):
    """Writes a split output, each part as one file in the folder of its index."""
    from pyspark.sql import functions as F

    apart = locate(staging, '_writing-%s' % output['name'])
    count = len(output['split']['values'])
    rows = frame.where(F.col(FILE_COLUMN).isNotNull()).repartition(count, FILE_COLUMN)
    rows.write.option('compression', output['codec']).partitionBy(FILE_COLUMN).parquet(apart)
    files = move_files(storage, apart, output['name'], staging, suffix, in_folders=True)
    storage.system(apart).delete(storage.path(apart), True)
    return sum(file['rows'] for file in files), files


def write_bucketed(spark, storage, frame, output, staging):
    """Writes one file for each of Hive's buckets that has rows, sorted by the bucket's columns."""
    from pyspark.sql import functions as F

    bucketed, types = output['bucketed'], {column['name']: column['type'] for column in output['columns']}
    keys = [F.col(quote(name)) for name in bucketed['columns']]
    if bucketed['version'] == 1:
        value = hive_hash(spark, keys)
    else:
        value = F.lit(0)
        for name in bucketed['columns']:
            own = F.expr(hive_hash_2(quote(name), types[name]))
            value = value * F.lit(31) + F.coalesce(own, F.lit(0))
    bucket = (value.bitwiseAND(F.lit(2**31 - 1)) % F.lit(bucketed['count'])).cast('int')
    apart = locate(staging, '_writing-%s' % output['name'])
    rows = frame.withColumn(FILE_COLUMN, bucket).repartition(FILE_COLUMN)
    rows = rows.sortWithinPartitions(FILE_COLUMN, *[key.asc_nulls_first() for key in keys])
    rows.write.option('compression', output['codec']).partitionBy(FILE_COLUMN).parquet(apart)
    files = move_files(storage, apart, output['name'], staging, None, '%06d_0.parquet')
    storage.system(apart).delete(storage.path(apart), True)
    return sum(file['rows'] for file in files), files


def hive_hash(spark, columns):
    """Hive's hash of version 1 of columns together, which Spark has for tables of Hive."""
    from pyspark.sql import Column

    jvm = spark.sparkContext._jvm
    expressions = jvm.PythonUtils.toSeq([column._jc.expr() for column in columns])
    return Column(jvm.org.apache.spark.sql.Column(jvm.org.apache.spark.sql.catalyst.expressions.HiveHash(expressions)))


# Of the types whose values are hashed as big-endian numbers, the digits that they have in hexadecimal.
HEX_DIGITS = {'smallint': 4, 'int': 8, 'date': 8, 'bigint': 16}


def hive_hash_2(name, kind):
    """
    Hive's hash of version 2 in SQL: Murmur3 of the value's bytes, the last of them with their sign. Whole numbers wrap around,
    as ANSI is off. What is needed twice is named by a lambda.
    """
    if kind == 'boolean':
        return 'CAST(%s AS int)' % name
    if kind == 'tinyint':
        return 'CAST(%s AS int)' % name  # Hive forgot to mix it
    value = name
    if kind == 'date':
        value = 'unix_date(%s)' % name
    if kind in HEX_DIGITS:
        value = "unhex(right(lpad(hex(CAST(%s AS bigint)), 16, '0'), %d))" % (value, HEX_DIGITS[kind])
    blocks = (
        'transform(transform(%s, k -> CAST(conv(hex(substring(b, 4 * k + 1, 4)), 16, 10) AS bigint)), '
        'v -> CAST(shiftleft(v & 255, 24) | shiftleft(v & 65280, 8) | (shiftright(v, 8) & 65280) | shiftright(v, 24) AS int))'
    ) % numbers_below('length(b) div 4')
    last = 'CAST(CAST(CAST(conv(hex(substring(b, 4 * (length(b) div 4) + 1 + j, 1)), 16, 10) AS int) AS tinyint) AS int)'
    tail = 'aggregate(%s, 0, (t, j) -> t ^ shiftleft(%s, 8 * j))' % (numbers_below('length(b) % 4'), last)
    mixed = 'transform(transform(%s, m -> m * -862048943), m -> (shiftleft(m, 15) | shiftrightunsigned(m, 17)) * 461845907)'
    step = '(h, k) -> (shiftleft(h ^ k, 13) | shiftrightunsigned(h ^ k, 19)) * 5 - 430675100'
    hashed = 'aggregate(%s, 104729, %s) ^ %s[0] ^ length(b)' % (mixed % blocks, step, mixed % ('array(%s)' % tail))
    for shift, factor in ((16, -2048144789), (13, -1028477387), (16, 1)):
        hashed = 'transform(array(%s), x -> (x ^ shiftrightunsigned(x, %d)) * %d)[0]' % (hashed, shift, factor)
    return 'transform(array(CAST(%s AS binary)), b -> IF(b IS NULL, NULL, %s))[0]' % (value, hashed)


def numbers_below(count):
    """SQL: the whole numbers from 0 to `count` (exclusive). A sequence alone would count backwards where there is none."""
    return 'filter(sequence(0, greatest(%s - 1, 0)), n -> n < %s)' % (count, count)


def output_column(column, there):
    from pyspark.sql import functions as F

    name, to = column['name'], spark_type(column['type'])
    value = F.col(quote(name))
    # A cast that changes nothing costs nothing in Spark, but some calls from Python to Java: much for 2,600 columns.
    return value if there.get(name) == to else value.cast(to).alias(name)


def spread_rows(spark, frame, counts, rows, file_count):
    """The rows with the number of their file, all rows of a file in one partition."""
    from pyspark.sql import functions as F

    if file_count == 1:
        return frame.coalesce(1).withColumn(FILE_COLUMN, F.lit(0))
    starts, start = [], 0
    for part, count in counts:
        starts.append({'$part': part, '$start': start})
        start += count
    # Partition in the upper 31 bits, row within it in the lower 33: documented by Spark.
    placed = frame.withColumn('$row', F.monotonically_increasing_id())
    placed = placed.withColumn('$part', F.expr('shiftright(`$row`, 33)'))
    offsets = F.broadcast(table_of(spark, starts, '`$part` bigint, `$start` bigint'))
    place = '((`$start` + (`$row` & %d)) * %d) div %d' % (2**33 - 1, file_count, rows)
    names = [F.col(quote(name)) for name in frame.columns]
    numbered = placed.join(offsets, '$part').select(*names, F.expr(place).cast('int').alias(FILE_COLUMN))
    # More tasks than files: file numbers are hashed to tasks, and two files of one task are written in turn.
    return numbered.repartition(4 * file_count, FILE_COLUMN)


def move_files(storage, apart, name, staging, suffix, named=None, in_folders=False):
    folders = sorted((int(folder.partition('=')[2]), folder) for folder, _ in storage.list(apart) if '=' in folder)
    system = storage.system(apart)
    system.mkdirs(storage.path(locate(staging, name)))
    files = []
    for index, folder in folders:
        [(written, size)] = storage.list('%s/%s' % (apart, folder))
        path = '%s/%s' % (name, named % index if named else 'part-%05d-%s.parquet' % (index, suffix))
        if in_folders:
            path = '%s/%d/part-00000-%s.parquet' % (name, index, suffix)
            system.mkdirs(storage.path(locate(staging, '%s/%d' % (name, index))))
        to = locate(staging, path)
        if not system.rename(storage.path('%s/%s/%s' % (apart, folder, written)), storage.path(to)):
            raise PlanError('cannot move a written file to %s' % path)
        part = {'part': index} if in_folders else {}
        files.append({'output': name, 'path': path, 'rows': storage.footer(to)[1], 'bytes': size, **part})
    return files


# ----------------------------------------------------------------------------------------------------------- execution


def execute(spark, plan, functions, options, at):
    """Executes a plan; gives Staged. `at` is told each step before it is taken."""
    storage = Storage(spark)
    staged = {'files': [], 'rows': {}, 'superseded': {}, 'metrics': {}}
    for given in plan['inputs']:
        at('read', 'input ' + given['name'])
        create_input(spark, storage, options.root, given)
    for view in plan['views']:
        at('read', 'view ' + view['name'])
        if 'newest' in view:
            staged['superseded'][view['name']] = create_newest(spark, view, functions)
        elif 'repeated' in view:
            create_repeated(spark, view, functions)
        else:
            create_sql_view(spark, view, functions)
    for metrics in plan['metrics']:
        at('read', 'metrics ' + metrics['name'])
        staged['metrics'][metrics['name']] = metrics_of(spark, metrics, functions)
    cached = {view['name'] for view in plan['views'] if view.get('once')}
    for output in plan['outputs']:
        at('write', 'output ' + output['name'])
        if options.staging is None:
            staged['rows'][output['name']] = spark.table(quote(output['view'])).count()
            continue
        is_cached = output['view'] in cached
        rows, files = write_output(spark, storage, output, is_cached, options.staging, options.file_suffix)
        staged['rows'][output['name']] = rows
        staged['files'] += files
    return staged


def probe(spark, files, options, at):
    """Reads every value of each file alone; gives path and reason of those that fail."""
    spark.conf.set('spark.sql.legacy.parquet.nanosAsLong', 'true')
    storage = Storage(spark)
    unreadable = []
    for file in files:
        at('probe', 'file ' + file['path'])
        url = locate(options.root, file['path'])
        try:
            look = storage.footer(url)[0]
            read_whole(spark, url, look)
        except Exception as error:  # that is the question asked
            unreadable.append({'path': file['path'], 'reason': 'cannot be read (%s)' % message_of(error)})
    return {'unreadable': unreadable}


def read_whole(spark, url, look):
    reader = spark.read.option('__globPaths__', 'false').option('recursiveFileLookup', 'true')
    try:
        frame = reader.parquet(url)
    except Exception:  # a logical type that Spark does not know is no fault of the file: read what is below it
        frame = reader.schema(physical_schema(look)).parquet(url)
    frame.write.format('noop').mode('overwrite').save()


def physical_schema(look):
    from pyspark.sql import types

    kinds = {
        'BOOLEAN': types.BooleanType, 'INT32': types.IntegerType, 'INT64': types.LongType, 'INT96': types.TimestampType,
        'FLOAT': types.FloatType, 'DOUBLE': types.DoubleType,
    }  # fmt: skip
    fields = [look.getType(index) for index in range(look.getFieldCount())]
    flat = [field for field in fields if field.isPrimitive()]
    kind_of = lambda field: kinds.get(field.asPrimitiveType().getPrimitiveTypeName().toString(), types.BinaryType)
    return types.StructType([types.StructField(field.getName(), kind_of(field)()) for field in flat])


def open_session(options, input_bytes):
    """A session; with --master one of its own in this process group, else what the platform provides."""
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession() if options.serve else None
    spark = first_session(options) if running is None else next_session(running)
    spark.sparkContext.setLogLevel('FATAL')  # what fails is said once, in the result
    settings = dict(SETTINGS)
    if options.master is not None:
        partitions = max(options.threads, min(SHUFFLE_PARTITIONS_MAX, input_bytes // SHUFFLE_BYTES))
        settings['spark.sql.shuffle.partitions'] = str(partitions)
    for name, value in settings.items():
        spark.conf.set(name, value)
    return spark


def first_session(options):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName('millrace')
    if options.master is not None:
        os.environ['SPARK_LOCAL_IP'] = '127.0.0.1'
        os.environ['LC_ALL'] = 'C.UTF-8'  # else Java cannot open files whose names are not ASCII
        os.environ['TMPDIR'] = os.getcwd()
        for name, value in local_settings(options).items():
            builder = builder.config(name, value)
    return builder.getOrCreate()


def next_session(spark):
    """A session for the next plan in a Spark that has executed others: without their views, settings and cached rows."""
    spark.catalog.clearCache()
    fresh = spark.newSession()
    # What casts mean is asked of the active session.
    fresh.sparkContext._jvm.SparkSession.setActiveSession(fresh._jsparkSession)
    return fresh


def local_settings(options):
    megabytes = max(HEAP_MEGABYTES_MIN, int(options.memory_bytes * HEAP_SHARE) // 2**20)
    return {
        'spark.master': options.master,
        'spark.ui.enabled': 'false',
        'spark.ui.showConsoleProgress': 'false',
        'spark.driver.bindAddress': '127.0.0.1',
        'spark.driver.host': '127.0.0.1',
        'spark.driver.memory': '%dm' % megabytes,
        # The working folder is the spill folder: a relative name stands whatever its own name contains.
        'spark.local.dir': '.',
        'spark.driver.extraJavaOptions': '-Djava.io.tmpdir=. -Duser.timezone=UTC -XX:-UsePerfData',
        # Hadoop's other local file system keeps .crc files, and fails on names with a colon because of them.
        'spark.hadoop.fs.file.impl': 'org.apache.hadoop.fs.RawLocalFileSystem',
        # Listing local files one after the other takes less than a Spark job that lists them.
        'spark.sql.sources.parallelPartitionDiscovery.threshold': '1000000',
    }


# -------------------------------------------------------------------------------------------------------------- errors


def message_of(error):
    """What went wrong in one line, without stack traces and query plans."""
    text = str(error)
    java = getattr(error, 'java_exception', None)
    if java is not None:
        while java.getCause() is not None:
            java = java.getCause()
        text = java.getMessage() or java.toString()
    elif getattr(error, 'desc', None):
        text = error.desc
    # What follows is a query plan, a stack trace, or advice that is of no use here.
    lines = re.split(r';\n|\n\s*at |\n\n| Use `try_cast`| If necessary set "spark', text.strip())[0].split('\n')
    return ' '.join(line.strip() for line in lines)[:1000]


def path_in(url, root):
    """The path below the root of a file that Spark names in its own way."""
    path, base = [re.sub(r'^[^/]*:(//[^/]*)?', '', name) for name in (unquote(url), locate(root, ''))]
    return path[len(base) :] if path.startswith(base) else path


def error_of(error, where, root):
    """An error as the result says it: a code of src/errors.ts, a message, and all that Spark said."""
    text = str(error)
    code, message = 'engine', 'Spark, %s: %s' % (where, message_of(error))
    file = re.search(r'Encountered error while reading file (.+?)\. Details', text)
    if isinstance(error, InputUnreadable):
        code, message = 'input-unreadable', text
    elif file is not None:
        code = 'input-unreadable'
        message = '%s cannot be read (%s)' % (path_in(file.group(1), root), message_of(error))
    elif re.search('No space left on device|Disk quota exceeded', text):
        code = 'disk-full'
        message = "no room left on the storage root's disk. Free some and run again (%s)" % message
    elif 'OutOfMemoryError' in text:
        message = 'the work does not fit in the memory given; pass a greater --memory (%s)' % message
    elif isinstance(error, ConnectionError) or type(error).__name__ == 'Py4JNetworkError':
        message = 'Spark, %s: Java ended by itself, most often for lack of memory; pass another --memory' % where
    return {'code': code, 'message': message, 'detail': text[:DETAIL_LENGTH_MAX]}


# ------------------------------------------------------------------------------------------------------------- process


def check():
    """What this Python has of Spark: the version of PySpark, Java and its version; null for what is missing."""
    found = {'python': '%d.%d' % sys.version_info[:2], 'pyspark': None, 'java': None, 'javaVersion': None}
    try:
        import pyspark

        found['pyspark'] = pyspark.__version__
    except ImportError:
        pass
    home = os.environ.get('JAVA_HOME')  # where PySpark looks first too
    java = os.path.join(home, 'bin', 'java') if home else shutil.which('java')
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.check_output([java or 'java', '-version'], stderr=subprocess.STDOUT)
        version = re.search(r'version "(?:1\.)?(\d+)', said.decode('utf-8', 'replace'))
        if version:
            found.update(java=java, javaVersion=int(version.group(1)))
    return found


def requests():
    """
    What is asked on standard input, a line of JSON each. Ends this process group when the one that started it is gone: its
    end of our standard input closes then, also while a plan is executed.
    """
    lines = queue.Queue()

    def wait():
        for line in sys.stdin:
            lines.put(line)
        os.killpg(0, signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
    while True:
        yield json.loads(lines.get())


def read_json(spark_or_none, url):
    if not is_url(url):
        with open(url, encoding='utf-8') as file:
            return json.load(file)
    rows = spark_or_none.read.text(url, wholetext=True).collect()
    return json.loads(rows[0][0])


def write_json(spark_or_none, url, value):
    text = json.dumps(value, allow_nan=False)
    if not is_url(url):
        with open(url, 'w', encoding='utf-8') as file:
            file.write(text)
        return
    storage = Storage(spark_or_none)
    stream = storage.system(url).create(storage.path(url), True)
    stream.write(bytearray(text.encode('utf-8')))
    stream.close()


class Steps:
    """Counts steps and says each on standard output, as a line of JSON."""

    def __init__(self, total):
        self.total, self.taken, self.where = max(1, total), 0, 'start'

    def __call__(self, phase, where):
        self.where = where
        print(json.dumps({'phase': phase, 'percent': round(100 * self.taken / self.total, 1)}), flush=True)
        self.taken += 1


def arguments():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description='Executes one Millrace plan on Spark.')
    parser.add_argument('--plan', help='the plan, JSON; with --probe a list of files')
    parser.add_argument('--root', help='the storage root, absolute')
    parser.add_argument('--staging', help='where outputs are written; without it rows are counted only')
    parser.add_argument('--file-suffix', default='spark', help='what the file names end with')
    parser.add_argument('--result', help='where the result is written, JSON')
    parser.add_argument('--functions', default=os.path.join(here, '..', 'portable-functions.json'))
    parser.add_argument('--probe', action='store_true', help='read every value of the files listed and say which fail')
    parser.add_argument('--check', action='store_true', help='say which parts of Spark are here, start nothing')
    parser.add_argument('--master', help='make a session of this master; without it the platform provides one')
    parser.add_argument('--memory-bytes', type=int, default=2 * 2**30)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--serve', action='store_true', help='take the other arguments of plan after plan from standard input')
    return parser.parse_known_args()[0]  # Glue passes arguments of its own


def perform(options):
    """Does what the options ask and writes the result; gives the session, if one was needed, and whether it went well."""
    spark, steps = None, Steps(1)
    try:
        if is_url(options.plan):
            spark = open_session(options, 0)
        plan = read_json(spark, options.plan)
        listed = plan if options.probe else [file for given in plan['inputs'] for file in given['files']]
        parts = [] if options.probe else [plan[name] for name in ('inputs', 'views', 'metrics', 'outputs')]
        steps = Steps(len(plan) if options.probe else sum(len(part) for part in parts))
        print(json.dumps({'phase': 'start', 'percent': 0}), flush=True)
        spark = spark or open_session(options, sum(file['bytes'] for file in listed))
        if options.probe:
            result = probe(spark, plan, options, steps)
        else:
            functions = read_json(spark, options.functions)
            result = execute(spark, plan, functions, options, steps)
    except Exception as error:  # said in the result, whatever it is
        result = {'error': error_of(error, steps.where, options.root)}
    write_json(spark, options.result, result)
    return spark, 'error' not in result


def main():
    options = arguments()
    if options.check:
        print(json.dumps(check()))
        return 0
    if options.serve:
        for request in requests():
            perform(argparse.Namespace(**{**vars(options), **request}))
            print(json.dumps({'done': True}), flush=True)
    spark, is_good = perform(options)
    if spark is not None:
        spark.stop()
    return 0 if is_good else 1


if __name__ == '__main__':
    sys.exit(main())
