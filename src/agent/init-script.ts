/**
 * Process 1 of a container, where nobody has given one: a POSIX shell that runs the agent.
 *
 *   I1. What jobs leave behind without a parent becomes a child of process 1, and a shell that waits takes in every child
 *       that ends. Node.js takes in only those that it started itself: under it they would stay as zombies.
 *   I2. The kernel gives process 1 no signal that it does not ask for. The shell asks for those that an agent knows,
 *       and hands them on; from a terminal the agent gets them itself.
 *   I3. It ends with the agent, and as the agent: what is left in the container dies by the kernel then.
 */
export const initScript = `child= early=
hand() { early=$1; [ -z "$child" ] || kill -s "$1" "$child" 2>/dev/null; }
trap 'hand TERM' TERM
if [ -t 0 ]; then trap : INT QUIT HUP
else trap 'hand INT' INT; trap 'hand QUIT' QUIT; trap 'hand HUP' HUP
fi
exec 3<&0
"$@" <&3 3<&- &
child=$!
exec 3<&- </dev/null
[ -z "$early" ] || kill -s "$early" "$child"
while :; do
  wait "$child"
  code=$?
  # Also a signal ends a wait.
  [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null || exit "$code"
done
`;
