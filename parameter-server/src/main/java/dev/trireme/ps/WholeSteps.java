package dev.trireme.ps;

import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Clocks;
import dev.trireme.ps.shard.Staleness;
import dev.trireme.ps.shard.Wire;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A step under bsp in one message there and one back, where one server leads all shards and has the
 * workers' memory before it.
 *
 * <pre>
 *   worker                     server
 *     | STEP ------------------->|   all its gradients stand where it shows them
 *     |                          |   once all workers have said so, all shards are applied
 *     |<---------------- STEPPED |   the values stand where the server shows them
 * </pre>
 *
 * <p>Why that is the protocol of {@link ShardServer}, and no step is half applied: a STEP is the
 * push of every shard. Acknowledgements would tell a worker that every shard holds its push, and a
 * commit would tell every shard what the worker has been told; here who takes the pushes in is who
 * leads all shards, and knows both at once. So each shard is pushed to, all are committed, and only
 * then is any applied. A gradient is not copied: its worker leaves it as it is until it has been
 * answered, and once the formation has broken it writes there no more. What is held then is kept
 * when the formation ends ({@link dev.trireme.ps.shard.ShardCopy#keep}).
 *
 * <p>Cost: two messages a worker; each gradient is read once, where it is; shards are applied by as
 * many threads as the {@link Crew} has, each shard by one of them.
 *
 * <p>Threading: the server's thread.
 */
final class WholeSteps {
  private final Primaries primaries;
  private final Post post;
  private final Staleness staleness;
  private final List<TensorBuffer> gradients;
  private final Crew crew;
  private final long[] wanted;

  /**
   * @param gradients each worker's slab, where this process sees it
   */
  WholeSteps(
      Primaries primaries,
      Post post,
      Staleness staleness,
      List<TensorBuffer> gradients,
      Crew crew) {
    this.primaries = primaries;
    this.post = post;
    this.staleness = staleness;
    this.gradients = List.copyOf(gradients);
    this.crew = crew;
    this.wanted = new long[gradients.size()];
  }

  /**
   * Whether a formation goes that way, as far as all its ranks know: bsp of all workers, dense
   * gradients as float32, and one server that leads every shard without a backup.
   */
  static boolean isFor(
      Directory directory, ShardPlan plan, ConsistencySpec consistency, Wire wire) {
    int first = directory.places().get(0).primary();
    return consistency.isLockstep()
        && wire == Wire.FLOAT32
        && !plan.hasTables()
        && directory.places().stream()
            .allMatch(place -> place.primary() == first && place.backup().isEmpty());
  }

  /** A worker has all its gradients of a step. */
  void step(int worker, Frame frame) {
    if (worker >= wanted.length) {
      throw frame.unexpected(worker, "a server, whose steps are those of workers");
    }
    for (PrimaryShard primary : primaries.all()) {
      Shard shard = primary.copy.shard();
      TensorBuffer gradient = gradients.get(worker).slice(shard.from(), shard.count());
      Clocks.Ruling ruling =
          primary.copy.pushShown(worker, frame.step(), frame.rate(), frame.weight(), gradient);
      if (ruling == Clocks.Ruling.EARLY) {
        throw frame.unexpected(worker, "a server that lacks the step before");
      }
    }
    primaries.all().forEach(primary -> primary.copy.clocks().commit(worker, frame.step()));
    wanted[worker] = Math.max(wanted[worker], frame.step() + 1);
    proceed();
  }

  /** Applies what is complete, and answers who may go on. */
  void proceed() {
    List<Runnable> due = new ArrayList<>();
    for (PrimaryShard primary : primaries.all()) {
      OptionalLong who = primary.copy.clocks().complete();
      if (who.isPresent()) {
        due.add(() -> primary.apply(who.getAsLong(), 0, false));
      }
    }
    crew.run(due);
    for (int worker = 0; worker < wanted.length; worker++) {
      answer(worker);
    }
  }

  private void answer(int worker) {
    long step = wanted[worker];
    if (step == 0) {
      return;
    }
    List<PrimaryShard> all = primaries.all();
    if (all.stream().allMatch(p -> p.copy.clocks().mayBegin(worker, step))) {
      wanted[worker] = 0;
      long behind = 0;
      for (PrimaryShard primary : all) {
        long ofShard = primary.copy.clocks().behind(worker, step);
        behind = Math.max(behind, ofShard);
        staleness.add(ofShard);
        primary.show();
      }
      Frame answer = new Frame(Kind.STEPPED, 0, worker, step - 1, 0, behind, 0, 0);
      post.send(worker, answer, Optional.empty());
    }
  }
}
