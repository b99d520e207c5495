# shellcheck shell=bash
# Writes what a cluster needs before it can start: ports, properties, secrets, formatted data. It starts no broker.

# What `start` may override with --set. Small and quick, where Apache Kafka's own defaults are made for production.
declare -A settings=()
declare -a given_settings=() users=(convenio stranger) proxied_ports=()

# create_cluster BROKERS SECURE: lays out `$dir` anew. The file `cluster` is written last: without it nothing counts.
create_cluster() {
    local brokers="$1" secure="$2" number cluster_id
    cluster_id="$(random_uuid)"
    for ((number = 1; number <= brokers; number++)); do
        mkdir -p "$dir/node-$number/data"
        # The folder itself stays: it may be a file system of its own, so that a test can fill it.
        find "$dir/node-$number/data" -mindepth 1 -delete
    done
    choose_ports "$brokers"
    printf '%s\n' "$(joined client_port)" >"$dir/bootstrap"
    write_clients "$secure"
    [ "$secure" = no ] || make_certificate
    for ((number = 1; number <= brokers; number++)); do
        (umask 077 && properties "$number" "$brokers" "$secure" >"$dir/node-$number/server.properties")
    done
    format_nodes "$brokers" "$secure" "$cluster_id"
    printf '%s\n' "brokers=$brokers" "secure=$secure" "cluster_id=$cluster_id" "version=$kafka_version" \
        "heap=$heap" >"$dir/cluster"
}

# cluster_value KEY: what was said when the cluster was made; nothing when there is none.
cluster_value() { [ ! -f "$dir/cluster" ] || sed -n "s/^$1=//p" "$dir/cluster"; }

# ---- ports

declare -a client_port=() controller_port=() proxied_port=()

# Below the range that Linux gives to outgoing connections, so that a broker finds its port free when it comes back.
choose_ports() {
    local -A taken=()
    local port number
    client_port=() controller_port=() proxied_port=()
    while read -r port; do taken[$((16#$port))]=1; done < <(
        sed -n 's/^ *[0-9]*: [0-9A-F]*:\([0-9A-F]*\) .*/\1/p' /proc/net/tcp /proc/net/tcp6 2>/dev/null || true)
    free_port() {
        while port=$((15000 + (RANDOM * 32768 + RANDOM) % 17000)) && [ -n "${taken[$port]:-}" ]; do :; done
        taken[$port]=1
    }
    for ((number = 1; number <= $1; number++)); do
        free_port && client_port[number]=$port
        free_port && controller_port[number]=$port
        [ "${#proxied_ports[@]}" -eq 0 ] || { free_port && proxied_port[number]=$port; }
    done
}

# joined ARRAY: its ports as `127.0.0.1:1,127.0.0.1:2`.
joined() {
    local -n ports="$1"
    local addresses
    addresses="$(printf ',127.0.0.1:%s' "${ports[@]}")"
    printf '%s' "${addresses#,}"
}

# ---- properties

properties() {
    local number="$1" brokers="$2" secure="$3" replicas=1 in_sync=1 key given
    [ "$brokers" -eq 1 ] || { replicas=3 in_sync=2; }
    settings=(
        [process.roles]=broker,controller
        [node.id]="$number"
        [log.dirs]="$dir/node-$number/data"
        [controller.quorum.bootstrap.servers]="$(joined controller_port)"
        [controller.listener.names]=CONTROLLER
        [inter.broker.listener.name]=CLIENT
        [auto.create.topics.enable]=false
        [default.replication.factor]=$replicas
        [min.insync.replicas]=$in_sync
        [offsets.topic.replication.factor]=$replicas
        [offsets.topic.num.partitions]=1
        [transaction.state.log.replication.factor]=$replicas
        [transaction.state.log.min.isr]=$in_sync
        [transaction.state.log.num.partitions]=1
        [share.coordinator.state.topic.replication.factor]=$replicas
        [share.coordinator.state.topic.min.isr]=$in_sync
        [share.coordinator.state.topic.num.partitions]=1
        [group.initial.rebalance.delay.ms]=0
        [log.cleaner.dedupe.buffer.size]=16777216 # the default of 128 MiB is a third of our heap
    )
    listeners "$number" "$secure"
    [ "$secure" = no ] || secure_settings
    for given in "${given_settings[@]}"; do settings["${given%%=*}"]="${given#*=}"; done
    for key in "${!settings[@]}"; do printf '%s=%s\n' "$key" "${settings[$key]}"; done | LC_ALL=C sort
}

listeners() {
    local number="$1" of_clients=PLAINTEXT of_controllers=PLAINTEXT
    [ "$2" = no ] || { of_clients=SASL_SSL of_controllers=SSL; }
    settings[listeners]="CLIENT://127.0.0.1:${client_port[number]},CONTROLLER://127.0.0.1:${controller_port[number]}"
    settings[advertised.listeners]="CLIENT://127.0.0.1:${client_port[number]}"
    settings[listener.security.protocol.map]="CLIENT:$of_clients,CONTROLLER:$of_controllers"
    [ "${#proxied_ports[@]}" -gt 0 ] || return 0
    settings[listeners]+=",PROXIED://127.0.0.1:${proxied_port[number]}"
    settings[advertised.listeners]+=",PROXIED://127.0.0.1:${proxied_ports[number - 1]}"
    settings[listener.security.protocol.map]+=",PROXIED:$of_clients"
    printf '%s %s\n' "127.0.0.1:${proxied_ports[number - 1]}" "127.0.0.1:${proxied_port[number]}" \
        >"$dir/node-$number/proxied"
}

# Clients and brokers prove who they are with SCRAM over TLS; controllers, whose SCRAM records would lie in the log that
# they have yet to read, with the certificate. Without an ACL nobody may do anything but the super users.
secure_settings() {
    settings[sasl.enabled.mechanisms]=SCRAM-SHA-512
    settings[sasl.mechanism.inter.broker.protocol]=SCRAM-SHA-512
    settings[listener.name.client.scram-sha-512.sasl.jaas.config]="$(jaas broker)"
    settings[ssl.keystore.type]=PEM
    settings[ssl.keystore.location]="$dir/tls/broker.pem"
    settings[ssl.truststore.type]=PEM
    settings[ssl.truststore.location]="$dir/ca.pem"
    settings[listener.name.controller.ssl.client.auth]=required
    settings[authorizer.class.name]=org.apache.kafka.metadata.authorizer.StandardAuthorizer
    settings[allow.everyone.if.no.acl.found]=false
    settings[super.users]="User:CN=convenio-test-broker;User:broker;User:admin"
}

# ---- secrets, all of them thrown away with the folder

jaas() {
    printf 'org.apache.kafka.common.security.scram.ScramLoginModule required username="%s" password="%s";' \
        "$1" "$(<"$dir/clients/$1.password")"
}

# The authority's key is gone as soon as it has signed the brokers' one certificate.
make_certificate() (
    umask 077
    mkdir -p "$dir/tls"
    cd "$dir/tls"
    cat >openssl.cnf <<-'END'
		[req]
		distinguished_name = name
		prompt = no
		[name]
		CN = convenio-test-broker
		[authority]
		basicConstraints = critical, CA:TRUE
		keyUsage = critical, keyCertSign
		subjectKeyIdentifier = hash
		[broker]
		basicConstraints = CA:FALSE
		extendedKeyUsage = serverAuth, clientAuth
		subjectAltName = IP:127.0.0.1, DNS:localhost
	END
    {
        openssl req -x509 -config openssl.cnf -extensions authority -subj "/CN=Convenio test authority" -days 825 \
            -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out ../ca.pem
        openssl req -new -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -keyout broker.key -out broker.csr
        openssl x509 -req -in broker.csr -CA ../ca.pem -CAkey authority.key -CAcreateserial -days 825 \
            -extfile openssl.cnf -extensions broker -out broker.crt
    } >openssl.log 2>&1 || give_up "openssl could not make a certificate: $(tail -n 3 openssl.log)"
    cat broker.key broker.crt >broker.pem
    rm -f authority.key broker.key broker.csr openssl.log
    chmod 644 ../ca.pem
)

# Files that clients are configured with: Java's properties, librdkafka's, and the password alone.
write_clients() {
    local user secure="$1"
    printf 'bootstrap.servers=%s\n' "$(<"$dir/bootstrap")" >"$dir/client.properties"
    [ "$secure" = yes ] || return 0
    (
        umask 077
        mkdir -p "$dir/clients"
        for user in broker admin "${users[@]}"; do
            [ -s "$dir/clients/$user.password" ] || random_word >"$dir/clients/$user.password"
            { cat "$dir/client.properties" && cat; } >"$dir/clients/$user.properties" <<-END
				security.protocol=SASL_SSL
				sasl.mechanism=SCRAM-SHA-512
				sasl.jaas.config=$(jaas "$user")
				ssl.truststore.type=PEM
				ssl.truststore.location=$dir/ca.pem
			END
            { cat "$dir/client.properties" && cat; } >"$dir/clients/$user.librdkafka" <<-END
				security.protocol=SASL_SSL
				sasl.mechanism=SCRAM-SHA-512
				sasl.username=$user
				sasl.password=$(<"$dir/clients/$user.password")
				ssl.ca.location=$dir/ca.pem
			END
        done
    )
    rm -f "$dir/client.properties"
    ln -s clients/convenio.properties "$dir/client.properties"
}

random_word() { od -An -v -tx1 -N16 /dev/urandom | tr -d ' \n'; }

# 16 random bytes as Kafka writes them: base64 for URLs, 22 characters, the first of which is no dash.
random_uuid() {
    local uuid=-
    while [ "${uuid:0:1}" = - ]; do uuid="$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')"; done
    printf '%s' "$uuid"
}

# ---- formatting

format_nodes() {
    local brokers="$1" secure="$2" cluster_id="$3" number user pids=() voters='' arguments
    arguments=(--cluster-id "$cluster_id")
    if [ "$brokers" -eq 1 ]; then
        arguments+=(--standalone)
    else
        for ((number = 1; number <= brokers; number++)); do
            voters+=",$number@127.0.0.1:${controller_port[number]}:$(random_uuid)"
        done
        arguments+=(--initial-controllers "${voters#,}")
    fi
    # A password on a command line can be read by others on this machine for a moment: these open nothing else.
    [ "$secure" = no ] || for user in broker admin "${users[@]}"; do
        arguments+=(--add-scram "SCRAM-SHA-512=[name=$user,password=$(<"$dir/clients/$user.password")]")
    done
    for ((number = 1; number <= brokers; number++)); do
        run_class kafka.tools.StorageTool format "${arguments[@]}" -c "$dir/node-$number/server.properties" \
            >"$dir/node-$number/log" 2>&1 </dev/null &
        pids[number]=$!
    done
    for number in "${!pids[@]}"; do
        wait "${pids[number]}" || give_up_with_log "$number" "Kafka could not format the data of node $number"
    done
}
