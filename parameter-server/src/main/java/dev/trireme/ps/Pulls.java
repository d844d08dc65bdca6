package dev.trireme.ps;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.Replica;
import dev.trireme.ps.plan.ShardPlan;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * What a worker reads of its servers and puts into its replica: after a step the parameters, of
 * tables the rows that the next batch names; before it saves, everything. Owned by a {@link
 * ServedExchange}.
 *
 * <p>Threading: the training thread. Blocking and errors: as waiting for the servers is.
 */
final class Pulls {
  private final Replica replica;
  private final ShardPlan plan;
  private final Incoming incoming;
  private final ServedState state;
  private final StateMark mark;
  private final boolean lockstep;
  private final Consumer<BooleanSupplier> waiting;
  private ShardClient client;
  private Rows next = Rows.NONE;
  private Rows asked = Rows.NONE;

  /**
   * @param lockstep whether what was pulled after a step is the same on all workers
   * @param waiting blocks until something holds, with the deadline of waiting for servers
   */
  Pulls(
      Replica replica,
      ShardPlan plan,
      Incoming incoming,
      ServedState state,
      StateMark mark,
      boolean lockstep,
      Consumer<BooleanSupplier> waiting) {
    this.replica = replica;
    this.plan = plan;
    this.incoming = incoming;
    this.state = state;
    this.mark = mark;
    this.lockstep = lockstep;
    this.waiting = waiting;
  }

  /** Reads over this from now on. */
  void over(ShardClient formed) {
    client = formed;
  }

  /** The rows that a batch names; none where there is no table. */
  Rows named(Batch batch) {
    return plan.hasTables() ? Rows.of(batch) : Rows.NONE;
  }

  /** The batch after the one at hand will be this: its rows come with the step's other values. */
  void preparing(Batch batch) {
    next = named(batch);
  }

  /** The replica is about to read these rows. */
  void require(Rows rows) {
    if (plan.hasTables() && !incoming.holds(rows)) {
      client.pullMore(rows);
      waiting.accept(client::isPulled);
      incoming.takeMore(replica.parameters(), rows);
    }
  }

  /** Has all parameters come, but not into the replica. */
  void ask(long afterStep) {
    client.pull(afterStep);
    waiting.accept(client::isPulled);
    asked = Rows.NONE;
  }

  /** Reads all parameters into the replica. */
  void all(long afterStep) {
    ask(afterStep);
    take();
    if (!lockstep) {
      mark.clear();
    }
  }

  /** Reads what the replica lacks of the parameters. */
  void rest(long afterStep) {
    if (!incoming.holdsAll()) {
      all(afterStep);
    }
  }

  /**
   * Has come what the next batch needs, after a step whose pushes were acknowledged.
   *
   * @param behindPushes whether all but the tables was asked for with each push
   */
  void afterStep(long step, boolean behindPushes) {
    asked = next;
    next = Rows.NONE;
    if (behindPushes) {
      client.pullTables(asked);
    } else {
      client.pull(step, asked);
    }
    waiting.accept(client::isPulled);
  }

  /** Puts what has come into the replica. */
  void take() {
    incoming.take(replica.parameters(), asked);
  }

  /** Reads the optimizer's state as well: the replica then holds all there is after a step. */
  void slots(long step) {
    client.pullSlots();
    waiting.accept(client::isSlotsPulled);
    state.take(incoming, client.updates());
    mark.set(step, StateMark.Part.ALL);
  }
}
