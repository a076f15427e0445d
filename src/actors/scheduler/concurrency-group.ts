/**
 * A concurrency group: a persistent actor by the group's name that says whose turn it is. Tickets
 * stand in order of arrival; the first one holds the group until it leaves.
 *
 *  G1. At most one ticket has been admitted and not left, whatever crashes: the order is in the
 *      journal before anyone is admitted, and only the holder's own end takes its ticket out.
 *  G2. Entering and leaving may be repeated; what is known already changes nothing.
 *  G3. The first ticket is told that it is admitted when it becomes the first, and again after each
 *      recovery. Whoever no longer wants its place says so then: a leave that was lost costs time only.
 */
import { limits } from "../kernel/index.ts";
import { definePersistentActor } from "../persistence/index.ts";

/** Who wants the group. */
export interface GroupTicket {
  readonly runId: string;
  /** Empty = the run as a whole. */
  readonly job: string;
}

export interface GroupState {
  /** The first one holds the group. */
  readonly tickets: readonly GroupTicket[];
}

/** What follows from a turn, done after its commit. Must not throw, may be repeated. */
export interface GroupEffects {
  admitted(group: string, ticket: GroupTicket): void;
  /** A newcomer that waits for nobody wants these to end. */
  superseded(group: string, tickets: readonly GroupTicket[], by: GroupTicket): void;
}

export interface GroupStanding {
  readonly holder: GroupTicket;
  /** Tickets before this one, the holder among them; 0 = it holds the group itself. */
  readonly before: number;
}

export function defineConcurrencyGroup(effects: GroupEffects) {
  return definePersistentActor("concurrency-group", {
    initialState: (): GroupState => ({ tickets: [] }),
    open: ({ tickets }) => tickets.length > 0,
    recovered: (group) => {
      const [holder] = group.state.tickets;
      if (holder !== undefined) group.afterCommit(() => effects.admitted(group.id, holder));
    },
  })
    .events({
      entered: ({ tickets }, { ticket }: { ticket: GroupTicket }): GroupState => ({
        tickets: [...tickets, ticket],
      }),
      left: ({ tickets }, { ticket }: { ticket: GroupTicket }): GroupState => ({
        tickets: tickets.filter((each) => !same(each, ticket)),
      }),
    })
    .commands({
      enter: (group, ticket: GroupTicket, cancelInProgress: boolean) => {
        const { tickets } = group.state;
        const known = tickets.findIndex((each) => same(each, ticket));
        const before = known === -1 ? tickets : tickets.slice(0, known);
        if (known === -1) {
          if (tickets.length >= limits.concurrencyWaitingMax) {
            return group.reject("full", { tickets: tickets.length });
          }
          group.persist("entered", { ticket });
        }
        group.afterCommit(() => {
          if (before.length === 0) effects.admitted(group.id, ticket);
          else if (cancelInProgress) effects.superseded(group.id, before, ticket);
        });
        return undefined;
      },

      leave: (group, ticket: GroupTicket): void => {
        const [holder, next] = group.state.tickets;
        if (!group.state.tickets.some((each) => same(each, ticket))) return;
        group.persist("left", { ticket });
        if (holder === undefined || next === undefined || !same(holder, ticket)) return;
        group.afterCommit(() => effects.admitted(group.id, next));
      },

      /** undefined = it does not stand here. */
      standing: ({ state: { tickets } }, ticket: GroupTicket): GroupStanding | undefined => {
        const [holder] = tickets;
        const before = tickets.findIndex((each) => same(each, ticket));
        return holder === undefined || before === -1 ? undefined : { holder, before };
      },
    });
}

export type ConcurrencyGroupDefinition = ReturnType<typeof defineConcurrencyGroup>;
export type ConcurrencyGroupHandle = InstanceType<ConcurrencyGroupDefinition["Handle"]>;

function same(a: GroupTicket, b: GroupTicket): boolean {
  return a.runId === b.runId && a.job === b.job;
}
