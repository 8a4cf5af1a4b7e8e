"""The Glue jobs that the farm-records system comes from, on one machine: PySpark local[*] with Iceberg, one session.

It merges a drop into the SSS tables, and the join chain into both targets, by MERGE INTO. The reference tables stand in Iceberg
already, and nothing goes to PostgreSQL: what is left out would only make it longer.

    python pyspark_job.py <warehouse> <folder of the drop: sss/raw> <iceberg-spark-runtime jar>
"""

import os
import sys

from pyspark.sql import SparkSession

KEYS = {
    "ibib": ["ibase"],
    "ibin": ["instance"],
    "ibsp": ["instance"],
    "ibpart": ["segment_recno"],
    "crmd_partner": ["guid"],
    "z_ibase_comp_detail": ["instance", "ibase", "crop_year"],
    "comm_pr_frg_rel": ["product_guid"],
    "zmi_farm_partn": ["frg_guid", "partner_no"],
}
COMPARED = [
    "producer_involvement_start_date",
    "producer_involvement_end_date",
    "tract_producer_hel_exception_code",
    "tract_producer_cw_exception_code",
    "tract_producer_pcw_exception_code",
    "data_status_code",
]
UPDATED = COMPARED + ["last_change_date", "last_change_user_name"]
SHARED = """
  p.valid_from producer_involvement_start_date, p.valid_to producer_involvement_end_date,
  coalesce(m.interrupted_ind, 'N') producer_involvement_interrupted_indicator,
  z.hel_code tract_producer_hel_exception_code, z.cw_code tract_producer_cw_exception_code,
  z.pcw_code tract_producer_pcw_exception_code,
  CASE WHEN p.valid_to IS NULL OR p.valid_to >= make_date(z.crop_year, 12, 31) THEN 'A' ELSE 'I' END data_status_code,
  greatest(s.UPTIM, p.UPTIM, c.UPTIM, z.UPTIM) creation_date, greatest(s.UPTIM, p.UPTIM, c.UPTIM, z.UPTIM) last_change_date,
  coalesce(m.changed_by, 'SSS') last_change_user_name,
  CASE c.partner_fct WHEN 'ZFARMOPR' THEN 'OP' WHEN 'ZFARMOWN' THEN 'OW' ELSE 'OT' END producer_involvement_code,
  tp.time_period_identifier, k.state_fsa_code, k.county_fsa_code, f.farm_identifier, f.farm_number"""
OF_TRACT = """
  t.tract_number, z.hel_appeals_date hel_appeals_exhausted_date, z.cw_appeals_date cw_appeals_exhausted_date,
  z.pcw_appeals_date pcw_appeals_exhausted_date, z.rma_hel_code tract_producer_rma_hel_exception_code,
  z.rma_cw_code tract_producer_rma_cw_exception_code, z.rma_pcw_code tract_producer_rma_pcw_exception_code"""
CHAIN = """
  FROM sss.ibsp s JOIN sss.ibin n ON n.instance = s.instance JOIN sss.ibib b ON b.ibase = n.ibase
  JOIN sss.ibpart p ON p.segment = n.segment JOIN sss.crmd_partner c ON c.guid = p.partner_guid
  JOIN farm_ref.but000 u ON u.partner = c.partner_no
  JOIN sss.z_ibase_comp_detail z ON z.instance = n.instance AND z.ibase = n.ibase
  JOIN farm_ref.time_period tp ON tp.time_period_name = CAST(z.crop_year AS STRING) AND tp.data_status_code = 'A'
  JOIN farm_ref.county_office_control k ON k.state_fsa_code = s.admin_state AND k.county_fsa_code = s.admin_county
  JOIN farm_ref.farm f
    ON f.county_office_control_identifier = k.county_office_control_identifier AND f.farm_number = b.farm_number
  JOIN farm_ref.farm_year fy
    ON fy.farm_identifier = f.farm_identifier AND fy.time_period_identifier = tp.time_period_identifier"""
TRACT_CHAIN = """
  JOIN farm_ref.tract t
    ON t.county_office_control_identifier = k.county_office_control_identifier AND t.tract_number = s.tract_number
  JOIN farm_ref.tract_year ty
    ON ty.tract_identifier = t.tract_identifier AND ty.farm_year_identifier = fy.farm_year_identifier"""
INTERRUPTIONS = """
  LEFT JOIN sss.comm_pr_frg_rel r ON r.product_guid = s.product_guid
  LEFT JOIN sss.zmi_farm_partn m ON m.frg_guid = r.fragment_guid AND m.partner_no = c.partner_no
  WHERE c.partner_fct IN ('ZFARMOPR', 'ZFARMOWN', 'ZFARMOTH')"""


def session(warehouse, jar):
    extensions = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
    builder = (
        SparkSession.builder.master("local[*]")
        .appName("farm-records")
        .config("spark.jars", jar)
        .config("spark.driver.memory", "8g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.timestampType", "TIMESTAMP_NTZ")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.autoBroadcastJoinThreshold", str(50 << 20))
        .config("spark.sql.extensions", extensions)
        .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.lake.type", "hadoop")
        .config("spark.sql.catalog.lake.warehouse", warehouse)
        .config("spark.sql.iceberg.check-nullability", "false")
        .config("spark.sql.defaultCatalog", "lake")
    )
    return builder.getOrCreate()


def ingest(spark, folder):
    for table, key in KEYS.items():
        path = os.path.join(folder, table)
        if not os.path.isdir(path):
            continue
        spark.read.parquet("file://" + path).createOrReplaceTempView("landed")
        order = f"row_number() OVER (PARTITION BY {', '.join(key)} ORDER BY UPTIM DESC)"
        spark.sql(f"""
            MERGE INTO sss.{table} t USING (SELECT * FROM (SELECT *, {order} place FROM landed) WHERE place = 1) s
            ON {" AND ".join(f"t.{name} = s.{name}" for name in key)}
            WHEN MATCHED AND s.UPTIM > t.UPTIM THEN UPDATE SET *
            WHEN NOT MATCHED THEN INSERT *""")


def merge(spark, of, select, columns):
    key = ["core_customer_identifier", f"{of}_year_identifier", "producer_involvement_code"]
    order = "last_change_date DESC, producer_involvement_start_date DESC NULLS LAST, segment_recno DESC, instance DESC"
    newest = f"row_number() OVER (PARTITION BY {', '.join(key)} ORDER BY {order})"
    differs = " OR ".join(f"NOT (t.{name} <=> s.{name})" for name in COMPARED)
    spark.sql(f"""
        MERGE INTO farm_records_reporting.{of}_producer_year t
        USING (SELECT * FROM (SELECT *, {newest} place FROM ({select})) WHERE place = 1) s
        ON {" AND ".join(f"t.{name} = s.{name}" for name in key)}
        WHEN MATCHED AND ({differs}) THEN UPDATE SET {", ".join(f"{name} = s.{name}" for name in UPDATED)}
        WHEN NOT MATCHED THEN INSERT ({", ".join(columns)}, load_timestamp)
          VALUES ({", ".join(f"s.{name}" for name in columns)}, current_timestamp())""")


def columns_of(spark, of):
    names = spark.table(f"farm_records_reporting.{of}_producer_year").columns
    return [name for name in names if name != "load_timestamp"]


def main(warehouse, folder, jar):
    spark = session(warehouse, jar)
    ingest(spark, folder)
    shared = f"u.core_customer_identifier, {SHARED}, p.segment_recno, s.instance"
    tracts = f"SELECT ty.tract_year_identifier, {OF_TRACT}, {shared} {CHAIN} {TRACT_CHAIN} {INTERRUPTIONS}"
    farms = f"SELECT fy.farm_year_identifier, {shared} {CHAIN} {INTERRUPTIONS}"
    merge(spark, "tract", tracts, columns_of(spark, "tract"))
    merge(spark, "farm", farms, columns_of(spark, "farm"))
    spark.stop()


main(*sys.argv[1:])
