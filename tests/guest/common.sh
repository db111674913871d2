# What the scripts of this folder share; they read it with `. common.sh`.
# shellcheck shell=bash
#
# CARGO_TARGET_DIR   where kernels, modules and guests are kept, in its folder
#                    `guest` (default: target/ of the workspace)

guest=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
workspace=$(cd "$guest/../.." && pwd)
work=${CARGO_TARGET_DIR:-target}
case $work in
/*) work=$work/guest ;;
*) work=$workspace/$work/guest ;;
esac

# give_up WHY [LOG]: what a guest needs cannot be had. Exit code 77 means that,
# and nothing else: whoever called may go on without the guest.
give_up() {
    echo "guest: $1" >&2
    [ -z "${2-}" ] || tail -n 20 "$2" >&2
    exit 77
}

# wrong WHY: the caller asked for something that cannot be right.
wrong() {
    echo "guest: $1" >&2
    exit 2
}

# suite_of KERNEL: the Debian suite that offers it.
suite_of() {
    case $1 in
    6.1) echo bookworm ;;
    6.12) echo bookworm-backports ;;
    7.3) echo trixie-backports ;;
    *) wrong "no kernel is called '$1': 6.1, 6.12 and 7.3 are known" ;;
    esac
}

# mirror: the Debian mirror that this machine's apt is configured for.
mirror() {
    local files=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources)
    # Of one-line and of deb822 sources, the first that is Debian's main archive.
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] *\)\?\([^ ]*\).*/\2/p' "${files[@]}" 2>/dev/null |
        grep -E -m 1 '/debian/?$' || true
}

# apt_for SUITE: from here on apt-get and apt-cache know this suite alone, and
# keep their lists apart from the machine's.
apt_for() {
    local apt=$work/apt-$1 from
    from=$(mirror)
    [ -n "$from" ] || give_up "no Debian mirror in /etc/apt"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $from $1 main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<END
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
END
    export APT_CONFIG=$apt/apt.conf
    apt-get -q update >"$apt/log" 2>&1
}
