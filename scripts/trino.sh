#!/bin/sh
# Puts Trino into .trino/, for the tests of test/trino/: they hold our bucketed tables against an engine that knows Hive's buckets.
# Maven fetches 821 MB, once (half a minute where the network is quick). It needs Java 25, which is looked for in JAVA_25_HOME,
# JAVA_HOME and /usr/lib/jvm. Run it as often as you like. Says in one line what is missing, exit 0: the tests are skipped by name.
#   sh scripts/trino.sh
set -eu

version=476 # the one whose buckets ours were first held against
folder=$(cd "$(dirname "$0")/.." && pwd)/.trino
home=$folder/trino-server-$version

without() {
  echo "trino: no Trino here: $1"
  exit 0
}

java_25() {
  for candidate in "${JAVA_25_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/*; do
    [ -x "$candidate/bin/java" ] || continue
    major=$("$candidate/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
    if [ "${major:-0}" -ge 24 ]; then
      echo "$candidate"
      return
    fi
  done
}

java=$(java_25)
[ -n "$java" ] || without 'it needs Java 25 (Temurin, say); set JAVA_25_HOME to its folder'
mkdir -p "$folder"
echo '*' >"$folder/.gitignore"
if [ ! -d "$home" ]; then
  command -v mvn >/dev/null 2>&1 || without 'mvn is missing (apt-get install maven)'
  got=$(mktemp -d "$folder/.got-XXXXXX")
  trap 'rm -rf "$got"' EXIT
  mvn -q -B dependency:copy "-Dartifact=io.trino:trino-server:$version:tar.gz" "-DoutputDirectory=$got" </dev/null >"$got/said" 2>&1 ||
    { tail -n 5 "$got/said"; without "Maven could not fetch io.trino:trino-server:$version"; }
  # The Hive connector and what every server has; the other forty plugins take 1.6 GB.
  tar -xzf "$got/trino-server-$version.tar.gz" -C "$got"
  for plugin in "$got/trino-server-$version/plugin"/*; do
    [ "$(basename "$plugin")" = hive ] || rm -rf "$plugin"
  done
  # Moved as the last step: a folder of that name is whole.
  mv "$got/trino-server-$version" "$home"
fi
ln -sfn "$java" "$folder/java"
echo "trino: Trino $version in $home, with the Java of $java"
