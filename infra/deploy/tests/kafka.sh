#!/usr/bin/env bash
# Tests of infra/deploy/kafka against real brokers, which it starts in a folder of its own and stops again. The last
# line says how many passed.
#
#   infra/deploy/tests/kafka.sh              all of them
#   infra/deploy/tests/kafka.sh one three    only the groups one, three (and: processes, secure)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
kafka="$(pwd)/../kafka"
work="$(mktemp -d "${TMPDIR:-/tmp}/convenio-kafka-test.XXXXXX")" || exit 1
passed=0 failed=0

end() {
    local folder
    for folder in "$work"/*/; do [ ! -f "$folder/cluster" ] || "$kafka" stop "${folder%/}" --remove; done
    rm -rf "$work"
}
trap end EXIT

# check SENTENCE COMMAND...: passes if the command succeeds. What it printed is shown only if it does not.
check() {
    local began=$SECONDS output
    if output="$("${@:2}" 2>&1)"; then
        passed=$((passed + 1))
        printf 'ok      %3d s  %s\n' $((SECONDS - began)) "$1"
    else
        failed=$((failed + 1))
        printf 'FAILED  %3d s  %s\n%s\n' $((SECONDS - began)) "$1" "$(tail -n 20 <<<"$output" | sed 's/^/        /')"
    fi
}

# fails_saying WORDS COMMAND...: it must fail, and say so in these words.
fails_saying() {
    local output
    if output="$("${@:2}" 2>&1)"; then echo "it succeeded: $output" && return 1; fi
    grep -qF -- "$1" <<<"$output" || { echo "it did not say '$1': $output" && return 1; }
}

# eventually COMMAND...: again and again, for half a minute at most.
eventually() {
    local deadline=$((SECONDS + 30))
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

create() { "$kafka" tool "$1" topics --create --topic "$2" --partitions 1 "${@:3}"; }
process_of() { cut -d' ' -f1 "$1/node-$2/process"; }
alive() { kill -0 "$1" 2>/dev/null && [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat")" != Z ]; }

# consumes FOLDER TOPIC LINES [OPTION...]: exactly these lines, committed.
consumes() {
    local output
    output="$("$kafka" tool "$1" "${@:4}" console-consumer --topic "$2" --from-beginning --timeout-ms 15000 \
        --isolation-level read_committed --max-messages "$(wc -l <<<"$3")" 2>"$work/consumer.log")"
    [ "$output" = "$3" ] || { printf 'read: %s\n' "$output"; tail -n 5 "$work/consumer.log"; return 1; }
}

test_one() {
    local one="$work/one" first
    check "one broker starts, and prints where it is" start_prints_bootstrap "$one" \
        --set group.min.session.timeout.ms=1000 --set broker.session.timeout.ms=2000 --set broker.heartbeat.interval.ms=500
    check "its state is reported" bash -c "'$kafka' status '$one' | grep -q 'node 1  ready'"
    check "only loopback addresses are listened on" listens_on_loopback "$(process_of "$one" 1)"
    check "a property that was passed through is set" grep -qx group.min.session.timeout.ms=1000 "$one/node-1/server.properties"
    check "a topic is created" create "$one" letters
    check "records are produced" produce_lines "$one" letters $'alpha\nbeta'
    check "records are consumed" consumes "$one" letters $'alpha\nbeta'
    check "topics do not come into being by themselves" fails_saying "not match any topic" \
        "$kafka" tool "$one" get-offsets --topic nobody-made-it
    first="$(process_of "$one" 1)"
    check "starting it once more changes nothing" start_prints_bootstrap "$one"
    check "and it is the same process" test "$first" = "$(process_of "$one" 1)"
    check "other options are refused" fails_saying "made with other options" "$kafka" start "$one" --brokers 3
    check "kill -9" "$kafka" kill "$one" 1
    check "the process has gone" eventually not alive "$first"
    check "a restart" "$kafka" restart "$one" 1
    check "the data is there" consumes "$one" letters $'alpha\nbeta'
    check "ProducerPerformance" "$kafka" tool "$one" producer-perf --topic letters --num-records 2000 --record-size 600 \
        --throughput -1 --producer-props acks=all
    check "transactions are listed" "$kafka" tool "$one" transactions list
    check "the leader is told" test "$("$kafka" leader "$one" letters)" = 1
    first="$(process_of "$one" 1)"
    check "it stops" "$kafka" stop "$one"
    check "and leaves no process" not alive "$first"
    check "status says so" fails_saying "" "$kafka" status "$one"
    check "all that was written can be removed" remove "$one"
}

test_processes() {
    local folder="$work/processes" stranger pid
    check "a broker that cannot come up is explained, with its log" fails_saying "no.such.Class" \
        "$kafka" start "$folder" --set authorizer.class.name=no.such.Class
    check "and nothing is left running" bash -c "'$kafka' status '$folder' | grep -q 'node 1  stopped'"
    "$kafka" stop "$folder" --remove
    check "two that start the same folder get the same broker" start_twice "$folder"
    pid="$(process_of "$folder" 1)"
    check "pause" "$kafka" pause "$folder" 1
    check "a paused broker is reported" bash -c "'$kafka' status '$folder' | grep -q 'node 1  paused'"
    check "continue" "$kafka" continue "$folder" 1
    check "and it answers" eventually "$kafka" status "$folder"
    check "a paused broker can be stopped" pause_and_stop "$folder"
    check "its process has gone" not alive "$pid"

    sleep 600 &
    stranger=$!
    printf '%s %s\n' "$stranger" "1 $(</proc/sys/kernel/random/boot_id) 0" >"$folder/node-1/process"
    check "a process id that is somebody else's now" "$kafka" kill "$folder" 1
    stranger_start="$(sed 's/.*) //' "/proc/$stranger/stat" | cut -d' ' -f20)"
    printf '%s %s %s 0\n' "$stranger" "$stranger_start" "$(</proc/sys/kernel/random/boot_id)" >"$folder/node-1/process"
    check "even one that began in the same moment" "$kafka" stop "$folder"
    check "is left alone" alive "$stranger"
    kill "$stranger"

    check "a start that is itself killed leaves a broker that can be stopped" killed_start "$folder"
    check "brokers end with the process that they were started for" stops_with_a_process "$folder"
    "$kafka" stop "$folder" --remove
}

test_three() {
    local three="$work/three" leader
    check "three brokers start" start_prints_bootstrap "$three" --brokers 3 --set broker.session.timeout.ms=3000 \
        --set broker.heartbeat.interval.ms=500
    check "all three are ready" test "$("$kafka" status "$three" | grep -c ready)" = 3
    check "a topic with three replicas" create "$three" letters --replication-factor 3
    check "records are produced" produce_lines "$three" letters $'alpha\nbeta'
    leader="$("$kafka" leader "$three" letters)"
    check "kill -9 of the leader" "$kafka" kill "$three" "$leader"
    check "another broker leads" eventually another_leads "$three" letters "$leader"
    check "what was written can be read" consumes "$three" letters $'alpha\nbeta'
    check "and more be written" produce_lines "$three" letters gamma
    check "starting the cluster brings the broker back" start_prints_bootstrap "$three"
    check "a rolling restart" "$kafka" restart "$three" all
    check "everything is there" consumes "$three" letters $'alpha\nbeta\ngamma'
    check "all of them killed" "$kafka" kill "$three" all
    check "and started" start_prints_bootstrap "$three"
    check "everything is there still" consumes "$three" letters $'alpha\nbeta\ngamma'
    check "it stops" "$kafka" stop "$three" --remove
}

test_secure() {
    local secure="$work/secure" bootstrap
    check "a broker that requires SASL and TLS starts" start_prints_bootstrap "$secure" --sasl-tls --user reader
    bootstrap="$(<"$secure/bootstrap")"
    check "passwords and keys are readable by their owner only" \
        test -z "$(find "$secure/clients" "$secure/tls" "$secure/node-1/server.properties" -type f -perm /077)"
    check "the right password: the super user creates a topic" create "$secure" letters
    sed 's/password="[^"]*"/password="wrong"/' "$secure/clients/admin.properties" >"$secure/clients/wrong.properties"
    check "a wrong password is refused" fails_saying "Authentication failed" \
        "$kafka" tool "$secure" --as wrong topics --list
    check "plaintext is refused" plaintext_is_refused "$secure" "$bootstrap"
    sed '/^ssl/d' "$secure/clients/admin.properties" >"$secure/clients/distrusting.properties"
    check "a client that does not know the authority refuses the broker" fails_saying "SSL handshake failed" \
        "$kafka" tool "$secure" --as distrusting topics --list
    check "an ordinary user may not write without an ACL" fails_saying "TOPIC_AUTHORIZATION_FAILED" \
        produce_as "$secure" convenio alpha
    check "an ACL is added" "$kafka" tool "$secure" acls --add --allow-principal User:convenio \
        --operation Write --operation Describe --topic letters
    check "then it may" produce_as "$secure" convenio alpha
    check "but not read" fails_saying "AuthorizationException" consumes "$secure" letters alpha --as convenio
    check "nor may a stranger write" fails_saying "TOPIC_AUTHORIZATION_FAILED" produce_as "$secure" stranger alpha
    check "the super user reads" consumes "$secure" letters alpha
    if scram_works_in_kcat; then
        check "librdkafka takes the file that is made for it" \
            kcat -F "$secure/clients/admin.librdkafka" -C -t letters -o beginning -e -q
    fi
    check "it stops" "$kafka" stop "$secure" --remove
}

# ---- what the tests are made of

# Older ones send a nonce that Kafka 4 rejects (https://github.com/confluentinc/librdkafka/pull/4895).
scram_works_in_kcat() {
    local version
    version="$(kcat -V 2>/dev/null | sed -n 's/.*librdkafka \([0-9.]*\).*/\1/p')"
    [ -n "$version" ] && [ "$(printf '%s\n' 2.6.1 "$version" | sort -V | head -n 1)" = 2.6.1 ]
}

not() { ! "$@"; }

start_prints_bootstrap() {
    local output
    output="$("$kafka" start "$@")" || return 1
    [[ "$output" =~ ^127\.0\.0\.1:[0-9]+(,127\.0\.0\.1:[0-9]+)*$ ]] && [ "$output" = "$(<"$1/bootstrap")" ]
}

produce_lines() { "$kafka" tool "$1" console-producer --topic "$2" --producer-property acks=all <<<"$3"; }
remove() { "$kafka" stop "$1" --remove && [ ! -e "$1" ]; }
pause_and_stop() { "$kafka" pause "$1" 1 && "$kafka" stop "$1"; }
another_leads() { local now; now="$("$kafka" leader "$1" "$2" 2>/dev/null)" && [ "$now" != "$3" ]; }

# The console producer ends well whatever becomes of a record, and says what did.
produce_as() {
    local output
    output="$("$kafka" tool "$1" --as "$2" console-producer --topic letters --producer-property max.block.ms=5000 <<<"$3" 2>&1)"
    ! grep -E 'ERROR|WARN|Exception' <<<"$output"
}

# Both address families, as the kernel lists the sockets of one process.
listens_on_loopback() {
    local inodes addresses
    inodes="$(find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')"
    addresses="$(cat /proc/net/tcp /proc/net/tcp6 | awk -v inodes="$inodes" '
        BEGIN { n = split(inodes, list, "\n"); for (i = 1; i <= n; i++) ours[list[i]] = 1 }
        $4 == "0A" && ($10 in ours) { sub(/:.*/, "", $2); print $2 }' | sort -u)"
    [ -n "$addresses" ] && ! grep -vxE '0100007F|0000000000000000FFFF00000100007F|00000000000000000000000001000000' <<<"$addresses"
}

start_twice() {
    local one two
    "$kafka" start "$1" >"$work/first" &
    one=$!
    "$kafka" start "$1" >"$work/second" &
    two=$!
    wait "$one" && wait "$two" && cmp "$work/first" "$work/second" && "$kafka" status "$1"
}

killed_start() {
    local starting pid
    setsid "$kafka" start "$1" >/dev/null 2>&1 &
    starting=$!
    eventually grep -qs . "$1/node-1/process" || return 1
    kill -9 -- "-$starting"
    pid="$(process_of "$1" 1)"
    alive "$pid" && "$kafka" stop "$1" && ! alive "$pid"
}

stops_with_a_process() {
    local owner pid
    sleep 600 &
    owner=$!
    "$kafka" start "$1" --stop-with "$owner" || return 1
    pid="$(process_of "$1" 1)"
    alive "$pid" && kill -9 "$owner" && eventually not alive "$pid"
}

plaintext_is_refused() {
    printf 'bootstrap.servers=%s\ndefault.api.timeout.ms=4000\nrequest.timeout.ms=2000\n' "$2" >"$1/clients/plain.properties"
    fails_saying "imeout" "$kafka" tool "$1" --as plain topics --list
}

"$kafka" fetch >/dev/null || exit 1
for group in "${@:-one processes three secure}"; do
    for name in $group; do "test_$name"; done
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
