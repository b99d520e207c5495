# shellcheck shell=bash
# Starts, watches and stops the brokers of one cluster, each by the process id that it wrote down itself. It signals no
# process of which it is not sure.

grace_s=15 # how long a broker may take to hand over and close its files before it is killed

# state N: sets node_state to running, paused, ending or stopped, and node_pid to the process that may be signalled. A
# process id that another process has got since is nobody of ours: the start time, the boot and the command line must
# be what they were. A process that is ending still holds ports and files, although nothing can be asked of it.
state() {
    local pid started boot stat fields threads
    node_pid='' node_state=stopped node_log_offset=0
    read -r pid started boot node_log_offset 2>/dev/null <"$dir/node-$1/process" || return 0
    [ "$boot" = "$(</proc/sys/kernel/random/boot_id)" ] || return 0
    stat="$(cat "/proc/$pid/stat" 2>/dev/null)" || return 0
    read -ra fields <<<"${stat##*) }"
    [ "${fields[19]}" = "$started" ] || return 0
    case "${fields[0]}" in
        Z | X)
            threads=("/proc/$pid/task/"*)
            [ "${#threads[@]}" -le 1 ] || node_state=ending
            return 0
            ;;
    esac
    if [ -z "$(tr -d '\0' 2>/dev/null <"/proc/$pid/cmdline")" ]; then
        node_state=ending
    elif tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" |
        grep -xF -e "$dir/node-$1" -e "$dir/node-$1/server.properties" >/dev/null; then
        node_pid="$pid" node_state=running
        case "${fields[0]}" in T | t) node_state=paused ;; esac
    fi
}

# start_of PID: when that process began, in ticks since boot; fails if it has ended.
start_of() {
    local stat fields
    stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
    read -ra fields <<<"${stat##*) }"
    [ "${fields[0]}" != Z ] && printf '%s' "${fields[19]}"
}

signal() { # signal N NAME: whether there was a process to signal
    state "$1"
    [ -n "$node_pid" ] && kill -s "$2" "$node_pid" 2>/dev/null
}

# locked N COMMAND...: while nobody else starts this broker.
locked() {
    exec 9>"$dir/node-$1/lock"
    flock 9
    "${@:2}"
    exec 9>&-
}

# launch N: starts the broker unless it runs, and returns when it has said who it is: only then does it let go of the
# lock that it got from us, also if this script has been killed meanwhile.
launch() {
    locked "$1" spawn "$1"
    locked "$1" true
}

spawn() {
    while state "$1" && [ "$node_state" = ending ]; do sleep 0.02; done
    [ "$node_state" = stopped ] || return 0
    local more=()
    read -ra more <<<"${CONVENIO_BROKER_JAVA:-}"
    setsid "$deploy/kafka.d/run-node" "$dir/node-$1" "$java" "-Xmx$(cluster_value heap)" -Djava.awt.headless=true \
        "-XX:SharedArchiveFile=$archive" -Xlog:disable -Xlog:all=warning:stderr -XX:-UsePerfData \
        -XX:+ExitOnOutOfMemoryError "${more[@]}" "-Dlog4j2.configurationFile=$deploy/kafka.d/log4j2.properties" \
        -cp "$jars/libs/*" kafka.Kafka "$dir/node-$1/server.properties" >>"$dir/node-$1/log" 2>&1 </dev/null &
    disown
}

# await_ready N...: until each says that it started and answers for itself, or the deadline. A broker says that it
# started when the elected controller let it in; the answer shows that clients get through.
await_ready() {
    local number deadline=$((SECONDS + timeout_s))
    for number in "$@"; do
        until ready "$number"; do
            state "$number"
            [ "$node_state" != stopped ] || give_up_with_log "$number" "node $number ended instead of coming up"
            [ "$SECONDS" -lt "$deadline" ] ||
                give_up_with_log "$number" "node $number is $node_state, but not ready after $timeout_s s"
            sleep 0.1
        done
    done
}

ready() {
    state "$1"
    [ "$node_state" = running ] || return 1
    # Not `grep -q`, here and below: it ends at the first hit, and whoever still writes to it then fails.
    tail -c "+$((node_log_offset + 1))" "$dir/node-$1/log" | grep -F 'Kafka Server started' >/dev/null || return 1
    answers "$1"
}

# answers N: whether the broker lists itself in an answer to a metadata request.
answers() {
    local address
    address="$(address_of "$1")"
    if [ "$(cluster_value secure)" = yes ]; then
        run_class org.apache.kafka.tools.BrokerApiVersionsCommand --bootstrap-server "$address" \
            --command-config "$dir/clients/admin.properties" 2>/dev/null </dev/null | grep "(id: $1 " >/dev/null
    else
        brokers_known_to "${address#*:}" | grep -x "$1" >/dev/null
    fi
}

address_of() { cut -d, -f"$1" "$dir/bootstrap"; }

# brokers_known_to PORT: their numbers, by a metadata request written by hand: ten times faster than starting a Java
# for it. https://kafka.apache.org/protocol: request 3, version 1, correlation id 7, client "convenio", no topics.
brokers_known_to() (
    exec 2>/dev/null
    exec 7<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf '\0\0\0\x16\0\x03\0\x01\0\0\0\x07\0\x08convenio\0\0\0\0' >&7
    hex() { timeout 5 head -c "$1" <&7 | od -An -v -tx1 | tr -d ' \n'; }
    size="$(hex 4)" && body="$(hex $((16#$size)))"
    [ "${body:0:8}" = 00000007 ] || exit 1
    at=16 # in hex digits: behind the correlation id and the number of brokers
    for ((left = 16#${body:8:8}; left > 0; left--)); do
        printf '%d\n' $((16#${body:at:8}))
        host=$((16#${body:at+8:4}))
        at=$((at + 12 + 2 * host + 8)) # number, host, port
        rack="${body:at:4}"            # ffff for none
        [ "$rack" = ffff ] && at=$((at + 4)) || at=$((at + 4 + 2 * 16#$rack))
    done
)

# ask_to_stop N, await_stopped N: in two steps, so that a cluster ends together.
ask_to_stop() {
    signal "$1" TERM || return 0
    signal "$1" CONT || true
}

await_stopped() {
    local deadline=$((SECONDS + grace_s))
    while state "$1" && [ "$node_state" != stopped ]; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            note "node $1 did not end within $grace_s s: killing it"
            kill_node "$1"
        fi
        sleep 0.05
    done
    rm -f "$dir/node-$1/process"
}

kill_node() {
    signal "$1" KILL || return 0
    while state "$1" && [ "$node_state" != stopped ]; do sleep 0.02; done
}

# Every partition has all its replicas: what to wait for between two brokers of a rolling restart.
await_replicated() {
    local deadline=$((SECONDS + timeout_s))
    while [ -n "$(tool TopicCommand --describe --under-replicated-partitions 2>&1)" ]; do
        [ "$SECONDS" -lt "$deadline" ] || give_up "partitions still lack replicas after $timeout_s s"
        sleep 0.2
    done
}

# stop_with PID: a process of its own stops the cluster when PID has ended, however it ended; unless the cluster has
# been removed by then, or is another one.
stop_with() {
    local began
    began="$(start_of "$1")" || give_up "--stop-with: there is no process $1"
    setsid "$BASH" "$deploy/kafka.d/stop-with" "$1" "$began" "$dir" "$(cluster_value cluster_id)" \
        >/dev/null 2>&1 </dev/null &
    disown
}

# ---- Java

run_class() {
    local more=()
    read -ra more <<<"${CONVENIO_BROKER_JAVA:-}"
    # Java's own warnings must not get into what a tool prints.
    "$java" "-XX:SharedArchiveFile=$archive" -Xlog:disable -Xlog:all=warning:stderr -Xmx256m -XX:-UsePerfData \
        -XX:+UseSerialGC "${more[@]}" -Dconvenio.level=WARN \
        "-Dlog4j2.configurationFile=$deploy/kafka.d/log4j2.properties" -cp "$jars/libs/*" "$@"
}

# Prints the class that a short name stands for.
class_of() {
    case "$1" in
        acls) echo org.apache.kafka.tools.AclCommand ;;
        api-versions) echo org.apache.kafka.tools.BrokerApiVersionsCommand ;;
        configs) echo kafka.admin.ConfigCommand ;;
        console-consumer | ConsoleConsumer) echo org.apache.kafka.tools.consumer.ConsoleConsumer ;;
        console-producer) echo org.apache.kafka.tools.ConsoleProducer ;;
        consumer-groups) echo org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
        consumer-perf) echo org.apache.kafka.tools.ConsumerPerformance ;;
        delete-records) echo org.apache.kafka.tools.DeleteRecordsCommand ;;
        dump-log) echo kafka.tools.DumpLogSegments ;;
        get-offsets) echo org.apache.kafka.tools.GetOffsetShell ;;
        groups) echo org.apache.kafka.tools.GroupsCommand ;;
        leader-election) echo org.apache.kafka.tools.LeaderElectionCommand ;;
        log-dirs) echo org.apache.kafka.tools.LogDirsCommand ;;
        producer-perf) echo org.apache.kafka.tools.ProducerPerformance ;;
        quorum) echo org.apache.kafka.tools.MetadataQuorumCommand ;;
        reassign-partitions) echo org.apache.kafka.tools.reassign.ReassignPartitionsCommand ;;
        topics) echo org.apache.kafka.tools.TopicCommand ;;
        transactions) echo org.apache.kafka.tools.TransactionsCommand ;;
        *.*) echo "$1" ;;
        *) echo "org.apache.kafka.tools.$1" ;;
    esac
}

# tool CLASS ARGUMENT...: with where the cluster is and who we are, as this tool wants to be told.
tool() {
    local class client="$dir/client.properties" connect=()
    class="$(class_of "$1")"
    shift
    [ "$(cluster_value secure)" = no ] || client="$dir/clients/${as:-admin}.properties"
    [ -r "$client" ] || give_up "there is no user ${as:-}: $client is missing"
    case "$class" in
        *.ProducerPerformance) connect=(--producer.config "$client") ;;
        *.ConsoleProducer) connect=(--bootstrap-server "$(<"$dir/bootstrap")" --producer.config "$client") ;;
        *.ConsoleConsumer | *.ConsumerPerformance | *.ShareConsumerPerformance)
            connect=(--bootstrap-server "$(<"$dir/bootstrap")" --consumer.config "$client") ;;
        *.LeaderElectionCommand) connect=(--bootstrap-server "$(<"$dir/bootstrap")" --admin.config "$client") ;;
        *.DumpLogSegments | *.StorageTool | *.VersionCommand) ;;
        *) connect=(--bootstrap-server "$(<"$dir/bootstrap")" --command-config "$client") ;;
    esac
    case " $* " in
        *" --bootstrap-server "*) [ "${connect[0]:-}" != --bootstrap-server ] || connect=("${connect[@]:2}") ;;
    esac
    case " $* " in *" --command-config "* | *" --consumer.config "* | *" --producer.config "* | *" --admin.config "*)
        # said by the caller, and then ours would be a second one
        [ "${#connect[@]}" -lt 2 ] || connect=("${connect[@]:0:${#connect[@]}-2}")
        ;;
    esac
    case " $* " in *" --help "*) connect=() ;; esac
    run_class "$class" "${connect[@]}" "$@"
}
