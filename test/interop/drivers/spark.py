"""Spark 3.5 with Iceberg, one session for all tests of a run. Argument: the path of Iceberg's jar."""
import os
import sys

os.environ["TZ"] = "UTC"  # PySpark shows an instant in the process's zone
import time

time.tzset()
from lines import serve
from values import spark_rows


def start(jar):
    from pyspark.sql import SparkSession

    settings = {
        "spark.jars": jar,
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.log.level": "ERROR",
        # Small tables: more than one partition and planning anew cost more than the work.
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.sql.adaptive.enabled": "false",
        # Small queries: compiling code for each, and compiling Java well, took half of the whole time.
        "spark.sql.codegen.wholeStage": "false",
        # With one compiler the JVM keeps 48 MB for compiled code, which hundreds of queries fill: it then fails in odd places.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
    }
    builder = SparkSession.builder.master("local[2]").appName("interop")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


spark = start(sys.argv[1])


def catalog(name, settings):
    """A catalog under a name; without a cache, as others write the tables meanwhile."""
    spark.conf.set(f"spark.sql.catalog.{name}", "org.apache.iceberg.spark.SparkCatalog")
    for key, value in {"cache-enabled": "false", **settings}.items():
        spark.conf.set(f"spark.sql.catalog.{name}.{key}", value)


def sql(sql):
    """Runs statements; the rows of the last one."""
    frame = None
    for statement in [sql] if isinstance(sql, str) else sql:
        frame = spark.sql(statement)
    return spark_rows(frame)


def counts(table, filters):
    """How many rows each filter leaves, by Spark's own pruning."""
    one = [f"SELECT {index} AS i, count(*) AS n FROM {table} WHERE {each}" for index, each in enumerate(filters)]
    return [row.n for row in sorted(spark.sql(" UNION ALL ".join(one)).collect())]


serve({"catalog": catalog, "sql": sql, "counts": counts})
