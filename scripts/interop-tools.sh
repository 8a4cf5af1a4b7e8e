#!/bin/sh
# Puts into .venv-spark/ what the tests of test/interop/ compare Millrace with: PyIceberg, DuckDB's own Iceberg extension, and
# Iceberg's jar for Spark (47 MB). Run it as often as you like. Says in one line what could not be had, exit 0: the tests skip
# what needs it, by name.
#   sh scripts/interop-tools.sh        after scripts/spark-venv.sh, which makes the folder
set -eu

duckdb=1.5.5 # the extension's wheels are for exactly this DuckDB
packages="pyiceberg==0.12.0 pyiceberg-core==0.10.1 pyarrow==26.0.1 duckdb==$duckdb duckdb-extension-iceberg==$duckdb duckdb-extension-avro==$duckdb
  duckdb-extension-httpfs==$duckdb"
group=org.apache.iceberg
artifact=iceberg-spark-runtime-3.5_2.12
version=1.10.1
folder=$(cd "$(dirname "$0")/.." && pwd)/.venv-spark
python=$folder/bin/python
jar=$folder/jars/$artifact-$version.jar

say() { echo "interop-tools: $1"; }

[ -x "$python" ] || { say "nothing here to put them in; run: sh scripts/spark-venv.sh"; exit 0; }

packages_here() {
  "$python" - $packages <<'END' 2>/dev/null
import sys
from importlib.metadata import version
sys.exit(any(version(name) != wanted for name, wanted in (each.split("==") for each in sys.argv[1:])))
END
}

if ! packages_here; then
  # shellcheck disable=SC2086 # one argument for each
  "$python" -m pip install --quiet --disable-pip-version-check $packages || say "pip could not install $packages"
fi
packages_here && say "PyIceberg and DuckDB $duckdb with its Iceberg extension in $folder"

# By Maven where it is installed, else by the Ivy inside Spark, which may be set up to reach other places.
by_maven() {
  command -v mvn >/dev/null 2>&1 &&
    mvn -q -B dependency:copy "-Dartifact=$group:$artifact:$version" "-DoutputDirectory=$1" </dev/null >"$1/said" 2>&1
}
by_ivy() {
  touch "$1/nothing.py"
  PATH="$folder/bin:$PATH" "$folder/bin/spark-submit" --master 'local[1]' --conf "spark.jars.ivy=$1" \
    --packages "$group:$artifact:$version" "$1/nothing.py" >"$1/said" 2>&1 </dev/null || return 1
  cp "$1"/jars/*"$artifact-$version.jar" "$1/$artifact-$version.jar"
}

if [ ! -f "$jar" ]; then
  mkdir -p "$folder/jars"
  got=$(mktemp -d "$folder/jars/.got-XXXXXX")
  by_maven "$got" || by_ivy "$got" || tail -n 5 "$got/said"
  # Moved as the last step: a file of that name is whole.
  [ ! -f "$got/$artifact-$version.jar" ] || mv "$got/$artifact-$version.jar" "$jar"
  rm -rf "$got"
fi
if [ -f "$jar" ]; then say "$jar"; else say "neither mvn nor spark-submit could fetch $artifact-$version.jar"; fi
