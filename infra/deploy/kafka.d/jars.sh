# shellcheck shell=bash
# Brings Apache Kafka to this machine as jars, by Maven coordinates. It installs Java and Maven when they are missing,
# by the names of their Debian packages, and never replaces what is there.

kafka_version="${CONVENIO_BROKER_VERSION:-4.1.0}"
kafka_cache="${CONVENIO_BROKER_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/convenio/kafka}"
jars="$kafka_cache/$kafka_version"

# Sets `java` to a Java that runs Kafka, or fails.
find_java() {
    local candidate version
    for candidate in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)"; do
        [ -x "$candidate" ] || continue
        version="$("$candidate" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)"
        [ "${version:-0}" -ge 17 ] && java="$candidate" && return 0
    done
    return 1
}

# Downloads into a folder of its own that gets its name when it is whole: a reader never sees half of it, and of two
# that fetch at once the second finds what the first brought.
fetch_jars() {
    if [ ! -d "$jars" ]; then
        mkdir -p "$kafka_cache"
        exec 8>"$kafka_cache/$kafka_version.lock"
        flock -n 8 || { note "another process is fetching Apache Kafka $kafka_version: waiting for it"; flock 8; }
        [ -d "$jars" ] || download_jars
        exec 8>&-
    fi
    find_java || install_java_and_maven
    # One for each Java: an archive of another one is of no use to it.
    archive="$jars/classes-$("$java" -version 2>&1 | cksum | tr -dc 0-9).jsa"
}

# A broker started with the archive of its classes needs half the time and half the work; this makes it, once.
archive_classes() {
    [ ! -e "$archive" ] || return 0
    exec 8>"$jars/archive.lock"
    flock 8
    if [ ! -e "$archive" ]; then
        note "preparing the classes of Apache Kafka for quick starts"
        (make_archive 8>&- >"$jars/archive.log" 2>&1) || : >"$archive" # an empty one is ignored
    fi
    exec 8>&-
}

make_archive() {
    local broker part="$archive.part"
    dir="$(mktemp -d)"
    given_settings=() proxied_ports=()
    create_cluster 1 no
    rm -f "$part"
    # Under `timeout`, because nobody could find it if this script were killed.
    timeout 90 "$java" "-XX:ArchiveClassesAtExit=$part" "-Xmx$heap" \
        "-Dlog4j2.configurationFile=$deploy/kafka.d/log4j2.properties" \
        -cp "$jars/libs/*" kafka.Kafka "$dir/node-1/server.properties" >"$dir/node-1/log" 2>&1 </dev/null &
    broker=$!
    until grep -qF 'Kafka Server started' "$dir/node-1/log" || ! kill -0 "$broker" 2>/dev/null; do sleep 0.1; done
    kill "$broker"
    wait "$broker" || true # it says that it got a signal
    remove_cluster
    mv "$part" "$archive"
}

download_jars() {
    install_java_and_maven
    local part="$jars.part"
    rm -rf "$part"
    mkdir "$part"
    write_pom >"$part/pom.xml"
    note "fetching Apache Kafka $kafka_version with Maven into $jars"
    # Strict checksums (-C): a jar that was damaged on its way is an error, not a warning.
    (cd "$part" && mvn --batch-mode --quiet -C \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory=libs -DincludeScope=runtime >maven.log 2>&1 </dev/null) ||
        give_up "Maven could not fetch Apache Kafka $kafka_version: $(cat "$part/maven.log")"
    compgen -G "$part/libs/kafka_*.jar" >/dev/null || give_up "Maven brought no broker into $part/libs"
    mv "$part" "$jars"
}

# kafka-tools has the command line tools; the last one writes the broker's log, which Kafka's own archive adds too.
write_pom() {
    local dependency
    printf '%s\n' '<project><modelVersion>4.0.0</modelVersion>' \
        '<groupId>org.convenio</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><dependencies>'
    for dependency in "org.apache.kafka kafka_2.13 $kafka_version" "org.apache.kafka kafka-tools $kafka_version" \
        "org.apache.logging.log4j log4j-slf4j-impl 2.24.3"; do
        # shellcheck disable=SC2086 # three words on purpose
        printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>' $dependency
    done
    printf '</dependencies></project>\n'
}

# With the functions that the tests install their tools with; in a shell of its own, for their names are not ours.
install_java_and_maven() {
    (
        # shellcheck source=tests/tools.sh
        . "$deploy/../../tests/tools.sh"
        find_java || missing_packages+=("$(java_package)")
        [ -d "$jars" ] || need mvn maven
        install_needed >&2
    )
    find_java || give_up "no Java 17 or newer was found, although one was installed: set JAVA_HOME"
}

# Java 17 by name; a Debian that has only a newer one offers that under its default name.
java_package() {
    if apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
        printf 'openjdk-17-jre-headless'
    else
        printf 'default-jre-headless'
    fi
}
