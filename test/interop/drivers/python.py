"""PyIceberg, and DuckDB with its own Iceberg extension."""
import glob
import importlib
import os
import warnings

warnings.filterwarnings("ignore")
import duckdb
from lines import serve
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import StaticTable
from values import arrow_table

database = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
for extension in ("httpfs", "avro", "iceberg"):
    module = importlib.import_module(f"duckdb_extension_{extension}")
    files = os.path.join(os.path.dirname(module.__file__), "extensions", "*", f"{extension}.duckdb_extension")
    database.execute(f"LOAD '{glob.glob(files)[0]}'")
database.execute("SET TimeZone = 'UTC'")


def duck(sql):
    """Runs statements; the rows of the last one."""
    cursor = database.cursor()
    for statement in [sql] if isinstance(sql, str) else sql:
        cursor.execute(statement)
    return arrow_table(cursor.to_arrow_table()) if cursor.description else None


def open_table(uri, table):
    return load_catalog("millrace", type="rest", uri=uri).load_table(table)


def scanned(table, filter=None, snapshot=None, ref=None):
    scan = table.scan(**({"row_filter": filter} if filter else {}), snapshot_id=int(snapshot) if snapshot else None)
    return arrow_table((scan.use_ref(ref) if ref else scan).to_arrow())


def static(metadata, **scan):
    return scanned(StaticTable.from_metadata(metadata), **scan)


def rest(uri, table, **scan):
    return scanned(open_table(uri, table), **scan)


def counts(metadata, filters):
    """How many rows each filter leaves, by PyIceberg's own pruning."""
    table = StaticTable.from_metadata(metadata)
    return [len(table.scan(row_filter=each).to_arrow()) for each in filters]


def planned(metadata, filters):
    """How many files each filter leaves to be read."""
    table = StaticTable.from_metadata(metadata)
    return [len(list(table.scan(row_filter=each).plan_files())) for each in filters]


def arrow_of(table, sql):
    """The rows of a query in the types of a table, which PyIceberg wants to the letter."""
    wanted = schema_to_pyarrow(table.schema(), include_field_ids=False)
    return database.cursor().execute(sql).to_arrow_table().select(wanted.names).cast(wanted)


def append(uri, table, sql, branch="main"):
    opened = open_table(uri, table)
    opened.append(arrow_of(opened, sql), branch=branch)


def overwrite(uri, table, sql, filter=None):
    opened = open_table(uri, table)
    rows = arrow_of(opened, sql)
    if filter is None:
        opened.dynamic_partition_overwrite(rows)
    else:
        opened.overwrite(rows, overwrite_filter=filter)


def delete(uri, table, filter):
    open_table(uri, table).delete(filter)


def create(uri, table):
    """A table of types that other writers do not have, with rows at their edges."""
    import datetime
    import uuid

    import pyarrow

    item = pyarrow.struct([("k", pyarrow.string()), ("v", pyarrow.list_(pyarrow.date32()))])
    schema = pyarrow.schema(
        [
            ("id", pyarrow.int64()),
            ("c_time", pyarrow.time64("us")),
            ("c_uuid", pyarrow.uuid()),
            ("c_fixed", pyarrow.binary(4)),
            ("c_float", pyarrow.float32()),
            ("c_items", pyarrow.list_(item)),
            ("c_map", pyarrow.map_(pyarrow.string(), pyarrow.decimal128(38, 0))),
        ]
    )
    some = {
        "id": 1, "c_time": datetime.time(23, 59, 59, 999999), "c_uuid": uuid.UUID(int=2**128 - 1).bytes, "c_fixed": b"\xff\x00\xff\x00",
        "c_float": -0.0, "c_items": [{"k": "x", "v": [datetime.date(1969, 12, 31), None]}, None], "c_map": [("a", 10**38 - 1), ("b", None)],
    }
    none = {name: None for name in schema.names}
    catalog = load_catalog("millrace", type="rest", uri=uri)
    catalog.create_table(table, schema).append(pyarrow.Table.from_pylist([some, {**none, "id": 2}, {**some, "id": 3, "c_items": [], "c_map": []}], schema=schema))


def upsert(uri, table, sql, on):
    opened = open_table(uri, table)
    result = opened.upsert(arrow_of(opened, sql), join_cols=on)
    return {"updated": result.rows_updated, "inserted": result.rows_inserted}


def evolve(uri, table, add=None, rename=None, drop=None):
    from pyiceberg.types import StringType

    with open_table(uri, table).update_schema() as update:
        if add:
            update.add_column(add, StringType())
        if rename:
            update.rename_column(*rename)
        if drop:
            update.delete_column(drop)


def program(uri, program):
    """Runs a program of the test's own; what it calls `result`."""
    import pyarrow

    names = {"catalog": load_catalog("millrace", type="rest", uri=uri), "pyarrow": pyarrow}
    exec(program, names)  # noqa: S102
    return names.get("result")


def race(uri, table, statements):
    """Appends one query after the other, and each again from the newest table where another writer was first."""
    lost = 0
    for sql in statements:
        while True:
            opened = open_table(uri, table)
            try:
                opened.append(arrow_of(opened, sql))
                break
            except CommitFailedException:
                lost += 1
    return {"lost": lost}


serve(
    {
        "duck": duck, "static": static, "rest": rest, "counts": counts, "planned": planned, "create": create, "program": program, "append": append, "overwrite": overwrite,
        "delete": delete, "upsert": upsert, "evolve": evolve, "race": race,
    }
)
