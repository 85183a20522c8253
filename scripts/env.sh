# shellcheck shell=bash
# Environments of this project, to be sourced from its root. Nothing is written outside .xaccel/.
#
#   xaccel_environment GROUP [PYTHON]   makes or reuses .xaccel/GROUP and sets XACCEL_PYTHON to its interpreter
#   xaccel_lock FILE ARGUMENT...        resolves requirements into a file with every version pinned, every file by hash
#   xaccel_pythons [first]              one line per usable minor version: "3.12 /path/of/python"

XACCEL_ROOT=$PWD
export UV_CACHE_DIR="$XACCEL_ROOT/.xaccel/uv-cache"
export UV_PYTHON_DOWNLOADS=never
export UV_NO_PROGRESS=1
export PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_ROOT_USER_ACTION=ignore
export PYTHONPYCACHEPREFIX="$XACCEL_ROOT/.xaccel/pycache"
export PYTHONPATH="$XACCEL_ROOT"
export HYPOTHESIS_STORAGE_DIRECTORY="$XACCEL_ROOT/.xaccel/hypothesis"
export MYPY_CACHE_DIR="$XACCEL_ROOT/.xaccel/mypy"
export RUFF_CACHE_DIR="$XACCEL_ROOT/.xaccel/ruff"
# without compiled modules each of the hundreds of programs that tests start compiles its imports again
unset VIRTUAL_ENV PYTHONHOME PYTHONDONTWRITEBYTECODE
XACCEL_UV="$XACCEL_ROOT/.xaccel/uv/bin/uv"

# A name on PATH may be a shim that fails, so a candidate counts only if it runs.
xaccel_pythons() {
    local candidate found version wanted=${1:-} seen=" "
    local candidates=(python3.11 python3.12 python3.13 python3.14 python3)
    if command -v pyenv >/dev/null 2>&1; then
        candidates+=("$(pyenv root)"/versions/*/bin/python)
    fi
    for candidate in "${candidates[@]}"; do
        found=$("$candidate" -c 'import sys
if sys.version_info >= (3, 11): print("%d.%d" % sys.version_info[:2], sys.executable)' 2>/dev/null </dev/null) || continue
        version=${found%% *}
        case "$seen" in *" $version "*) continue ;; esac
        [ -n "$version" ] || continue
        seen="$seen$version "
        printf '%s\n' "$found"
        [ "$wanted" != first ] || break
    done
}

xaccel_default_python() {
    local line
    line=$(xaccel_pythons first)
    if [ -z "$line" ]; then
        echo "xaccel: no Python 3.11 or later runs here. Install python3 with its venv module (Debian: python3-venv)." >&2
        return 1
    fi
    printf '%s\n' "${line#* }"
}

xaccel_install_uv() {
    local python=$1 stamp=$XACCEL_ROOT/.xaccel/uv/stamp wanted
    wanted=$(cksum <requirements/uv.txt)
    [ -x "$XACCEL_UV" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    rm -rf .xaccel/uv
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip install --quiet --no-cache-dir --no-deps --require-hashes --only-binary :all: \
            --target .xaccel/uv --requirement requirements/uv.txt
    elif "$python" -m venv .xaccel/uv >/dev/null 2>&1; then
        .xaccel/uv/bin/python -m pip install --quiet --no-cache-dir --no-deps --require-hashes --only-binary :all: \
            --requirement requirements/uv.txt
    else
        echo "xaccel: $python has neither pip nor a working venv module. Install one of them (Debian: python3-venv)." >&2
        return 1
    fi
    printf '%s\n' "$wanted" >"$stamp"
}

xaccel_lock() {
    local file=$1
    shift
    "$XACCEL_UV" pip compile --quiet --universal --generate-hashes --python-version "${oldest:-3.11}" --no-emit-index-url \
        --no-emit-find-links --custom-compile-command "scripts/lock" --output-file "$file" "$@"
}

xaccel_environment() {
    local group=$1 python=${2:-} folder stamp wanted file files=()
    [ -n "$python" ] || python=$(xaccel_default_python) || return 1
    folder=$XACCEL_ROOT/.xaccel/$group
    stamp=$folder/stamp
    mkdir -p .xaccel

    # The lock belongs to the open file, so the interpreter can take it for this shell.
    exec 9>.xaccel/lock
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || return 1
    xaccel_install_uv "$python" || return 1

    case $group in
        uv) exec 9>&-; return 0 ;;
        gixy | gixy-ng) files=("requirements/$group.txt") ;;
        integration-*) files=(requirements/build.txt "requirements/integrations/${group#integration-}.txt") ;;
        newest-*)
            files=(requirements/build.txt ".xaccel/$group.txt")
            rm -f "${files[1]}"
            xaccel_lock "${files[1]}" --group integration "integrations/${group#newest-}/requirements.in" || return 1
            ;;
        check) files=(requirements/build.txt requirements/check.txt requirements/tools.txt) ;;
        *) files=(requirements/build.txt "requirements/${group%%-*}.txt") ;;
    esac
    for file in "${files[@]}"; do
        [ -f "$file" ] || { echo "xaccel: $file is missing: run scripts/lock." >&2; return 1; }
    done
    wanted=$({ "$python" -c 'import sys; print(sys.version, sys.executable)'; cat "${files[@]}"; } | cksum)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "xaccel: making the environment .xaccel/$group ($("$python" --version))" >&2
        rm -f "$stamp" "$stamp-project"
        "$XACCEL_UV" venv --quiet --no-project --clear --python "$python" "$folder" || return 1
        "$XACCEL_UV" pip sync --quiet --require-hashes --python "$folder/bin/python" "${files[@]}" || return 1
        printf '%s\n' "$wanted" >"$stamp"
    fi
    wanted=$(cat pyproject.toml testing/pyproject.toml | cksum)
    if [ "${group%%-*}" != gixy ] && [ "$(cat "$stamp-project" 2>/dev/null)" != "$wanted" ]; then
        "$XACCEL_UV" pip install --quiet --no-index --no-deps --no-build-isolation \
            --reinstall-package xaccel --reinstall-package xaccel-testing --python "$folder/bin/python" \
            --editable . --editable testing || return 1
        printf '%s\n' "$wanted" >"$stamp-project"
    fi
    exec 9>&-
    # shellcheck disable=SC2034  # read by the script that sources this file
    XACCEL_PYTHON=$folder/bin/python
}
