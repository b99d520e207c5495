#!/usr/bin/env bash
# Lets Prometheus' own promtool read what watches the nodes: it parses alerts, plays their tests, and parses every expression
# of the dashboard. Whether the metrics exist is for the house rules, whether Grafana knows the fields for manifests.sh.
# Where promtool is missing it is taken out of Debian's package `prometheus`, which is not installed: that would start a server.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.." || exit 1
# shellcheck source=tests/tools.sh
. tests/tools.sh

kept="$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools"
temporary="$(mktemp -d)" || exit 1
trap 'rm -rf "$temporary"' EXIT

# Puts promtool into $kept.
fetch_promtool() {
    say "missing, will be unpacked into $kept: promtool, of the Debian package prometheus"
    local get=(apt-get download --quiet prometheus)
    (cd "$temporary" && { "${get[@]}" || { [ "$(id -u)" -eq 0 ] && apt-get update --quiet && "${get[@]}"; }; }) >&2 </dev/null &&
        mkdir -p "$kept" && dpkg-deb --fsys-tarfile "$temporary"/prometheus_*.deb |
        tar --extract --to-stdout ./usr/bin/promtool >"$temporary/promtool" &&
        chmod +x "$temporary/promtool" && mv "$temporary/promtool" "$kept/promtool"
}

promtool="$(command -v promtool || printf '%s' "$kept/promtool")"
if ! "$promtool" --version >/dev/null 2>&1; then
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
        say "there is no promtool, and no apt-get to get it with: alerts and dashboard are not checked"
        exit 0
    fi
    fetch_promtool || give_up "promtool could not be had; it is part of Prometheus"
fi

# Every expression of a dashboard as a rule; a string of JSON is one of YAML too. What Grafana fills in is filled in.
rules_of() {
    printf 'groups:\n- name: dashboard\n  rules:\n'
    # shellcheck disable=SC2016 # dollars of Grafana, not of the shell
    grep -oE '"(expr|query)": "([^"\\]|\\.)*"' "$1" |
        sed -E 's/^"query": "label_values\((.*), [a-z]+\)"$/"expr": "\1"/; /^"query": "prometheus"$/d
                s/\[\$__rate_interval\]/[1m]/g; s/=~\\"\$(job|instance)\\"/=~\\"convenio\\"/g' |
        awk '{ sub(/^"expr": /, ""); print "  - record: dashboard:expression_" NR "\n    expr: " $0 }'
}

cd infra/deploy || exit 1
check prometheus/prometheus.yaml "$promtool" check config prometheus/prometheus.yaml
check prometheus/alerts.yaml "$promtool" check rules --lint-fatal prometheus/alerts.yaml
check prometheus/alerts.test.yaml "$promtool" test rules prometheus/alerts.test.yaml
for dashboard in grafana/*.json; do
    rules_of "$dashboard" >"$temporary/rules.yaml"
    check "$dashboard: $(grep -c record: "$temporary/rules.yaml") expressions" "$promtool" check rules "$temporary/rules.yaml"
    # A file that is laid out otherwise than this script expects would pass with nothing checked.
    check "$dashboard: all found" test "$(grep -c record: "$temporary/rules.yaml")" -ge "$(grep -o '"expr"' "$dashboard" | wc -l)"
    check "$dashboard: nothing left to fill in" test "$(grep -c '[$]' "$temporary/rules.yaml")" -eq 0
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 5 ]
