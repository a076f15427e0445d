/**
 * What a checkout runs: a script of any POSIX shell. Nothing is pasted into it: all that varies comes by the
 * environment, and the token by standard input.
 *
 *   G1. The token is in no argument, no environment and no file. A loop of the shell's own `printf` offers it
 *       on descriptor 3, and a helper reads it from there when git asks for the one origin that it is for.
 *   G2. Nothing of the repository runs: no hook, no file system monitor, no helper of a protocol.
 *   G3. What git keeps (`.git/config`) holds no token, so the job's script cannot use it.
 */
export const checkoutScript = `# Brings one commit of a repository into a folder.
set -u
user= token=
if [ -n "$TROUPE_GIT_TOKEN_FOR" ]; then IFS= read -r user; IFS= read -r token; fi
exec </dev/null
helper='!answer() { [ "$1" = get ] && IFS= read -r u <&3 && IFS= read -r p <&3 &&
  printf "username=%s\\npassword=%s\\n" "$u" "$p"; }; answer'

g() {
  git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c gc.auto=0 -c maintenance.auto=false \\
    -c advice.detachedHead=false -c init.defaultBranch=main -c http.lowSpeedLimit=1 -c http.lowSpeedTime=60 "$@"
}

# The same, for what goes to the server.
remote() {
  if [ -z "$TROUPE_GIT_TOKEN_FOR" ]; then g "$@"; return; fi
  while printf '%s\\n%s\\n' "$user" "$token"; do :; done 2>/dev/null |
    g -c credential.helper= -c "credential.$TROUPE_GIT_TOKEN_FOR.helper=$helper" "$@" 3<&0 </dev/null
}

everything() { remote fetch --tags --force origin '+refs/heads/*:refs/remotes/origin/*'; }

depth= shallow=
if [ "$TROUPE_GIT_DEPTH" -gt 0 ]; then depth="--depth=$TROUPE_GIT_DEPTH"; fi

g init --quiet --template= . && g remote add -- origin "$TROUPE_GIT_REPOSITORY" || exit
if remote fetch --no-tags $depth origin "$TROUPE_GIT_REF"; then
  commit=$(g rev-parse --verify --quiet 'FETCH_HEAD^{commit}') || exit
  if [ -z "$depth" ]; then everything || exit; fi
else
  code=$?
  [ -n "$TROUPE_GIT_IS_COMMIT" ] || exit "$code"
  # Some servers give no commit by its id: then it must be on a branch or a tag.
  everything || exit
  commit=$(g rev-parse --verify "$TROUPE_GIT_REF^{commit}") || exit
fi
g checkout --quiet --force --detach "$commit" -- || exit
case $TROUPE_GIT_SUBMODULES in
  direct) remote submodule update --init $depth || exit ;;
  recursive) remote submodule update --init --recursive $depth || exit ;;
esac
printf '%s' "$commit" >"$TROUPE_GIT_COMMIT_FILE"
`;
