package dev.trireme.allreduce.group;

import dev.trireme.allreduce.kernel.Reduction;
import dev.trireme.allreduce.plan.Plans;
import dev.trireme.allreduce.plan.Step;
import dev.trireme.allreduce.plan.TreeAllReduce;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * An all-reduce or a broadcast that follows a plan. Where all buffers concerned lie in the group's
 * memory the plan runs once, in place. Otherwise it runs in rounds, each on as many elements as the
 * staging area holds: load, plan, store.
 */
final class PlannedOperation extends Operation {
  /** What is done before peers are listened to again, and before an abort is seen. */
  private static final int PIECE_BYTES = 256 << 10;

  /** What is combined, then written back, while it stays in a first- or second-level cache. */
  private static final int BLOCK_BYTES = 32 << 10;

  /** More than any plan has stages; the stages of round r begin above r times this. */
  private static final long STAGES_PER_ROUND = 1024;

  private final SharedGroup group;
  private final TensorBuffer buffer;
  private final long place;
  private final Reduction reduction;
  private final long[] base;
  private boolean staged;
  private boolean loads;
  private long roundCount;
  private long round;
  private List<Step> steps = List.of();
  private int position;
  private long stepDone;
  private long bytesDone;

  /**
   * @param reduction of an all-reduce; empty for a broadcast
   */
  PlannedOperation(
      SharedGroup group, Signature signature, TensorBuffer buffer, Optional<Reduction> reduction) {
    super(group.sequencer(), signature, buffer);
    this.group = group;
    this.buffer = buffer;
    this.place = group.memory().place(buffer);
    this.reduction = reduction.orElse(null);
    this.base = new long[group.worldSize()];
  }

  /** Yes, unless one of them uses the same memory. */
  @Override
  boolean announcedBefore(Collection<Operation> earlier) {
    return isApartFrom(earlier);
  }

  @Override
  long place() {
    return place;
  }

  @Override
  void begin() {
    Signature signature = signature();
    boolean broadcast = signature.kind() == Signature.Kind.BROADCAST;
    for (int rank = 0; rank < base.length; rank++) {
      staged |= placeOf(rank) == 0 && (!broadcast || rank == signature.root());
    }
    loads = place == 0 && (!broadcast || group.rank() == signature.root());
    long most = Memory.STAGING_BYTES / buffer.dtype().bytes();
    roundCount = staged ? Math.min(buffer.count(), most) : buffer.count();
    startRound();
  }

  private long placeOf(int rank) {
    return rank == group.rank() ? place : group.peers().get(rank).where(number());
  }

  private void startRound() {
    long first = round * roundCount;
    long shift = first * buffer.dtype().bytes();
    for (int rank = 0; rank < base.length; rank++) {
      long at = placeOf(rank);
      base[rank] =
          at == 0 ? group.memory().staging(rank) : group.memory().address(rank, at) + shift;
    }
    if (!loads) {
      base[group.rank()] = buffer.address() + shift;
    }
    steps = plan(Math.min(roundCount, buffer.count() - first));
    position = 0;
    stepDone = 0;
  }

  private List<Step> plan(long count) {
    Signature signature = signature();
    int worldSize = group.worldSize();
    if (signature.kind() == Signature.Kind.BROADCAST) {
      return Plans.broadcast(group.rank(), worldSize, signature.root(), count, staged);
    }
    List<Step> plan = signature.algorithm().plan(group.rank(), worldSize, count);
    return staged ? Plans.staged(plan, group.rank(), worldSize, count) : plan;
  }

  @Override
  Outcome advance() {
    boolean moved = false;
    long budget = PIECE_BYTES;
    while (position < steps.size()) {
      Step step = steps.get(position);
      if (step instanceof Step.Work work) {
        if (budget <= 0) {
          return Outcome.MOVED;
        }
        budget -= piece(work, budget);
      } else if (!passes(step)) {
        return moved ? Outcome.MOVED : Outcome.WAITING;
      }
      moved = true;
      if (!(step instanceof Step.Work work) || stepDone == work.count()) {
        position++;
        stepDone = 0;
      }
    }
    round++;
    if (round * roundCount >= buffer.count()) {
      return Outcome.DONE;
    }
    startRound();
    return Outcome.MOVED;
  }

  private boolean passes(Step step) {
    long shift = round * STAGES_PER_ROUND;
    if (step instanceof Step.Tell tell) {
      return group.peers().tell(tell.peer(), number(), shift + tell.stage());
    }
    Step.Await await = (Step.Await) step;
    return group.peers().get(await.peer()).hasReached(number(), shift + await.stage());
  }

  /** Does a step, or the next part of it; says how many bytes. */
  private long piece(Step.Work work, long budget) {
    int width = buffer.dtype().bytes();
    long count = Math.min(work.count() - stepDone, Math.max(1, budget / width));
    long offset = (work.from() + stepDone) * width;
    long bytes = count * width;
    long own = base[group.rank()] + offset;
    if (work instanceof Step.ReduceAndSpread) {
      reduceAndSpread(offset, count);
    } else if (work instanceof Step.ReduceTreeAndSpread) {
      reduceTreeAndSpread(offset, count);
    } else if (work instanceof Step.Reduce reduce) {
      reduction.combine(own, base[reduce.peer()] + offset, count);
    } else if (work instanceof Step.Finish) {
      reduction.finish(own, count, base.length);
    } else if (work instanceof Step.Copy copy) {
      NativeMemory.copy(base[copy.peer()] + offset, own, bytes);
    } else if (loads) {
      long users = buffer.address() + round * roundCount * width + offset;
      boolean load = work instanceof Step.Load;
      NativeMemory.copy(load ? users : own, load ? own : users, bytes);
    }
    stepDone += count;
    bytesDone += bytes;
    return bytes;
  }

  private void reduceAndSpread(long offset, long count) {
    int width = buffer.dtype().bytes();
    int rank = group.rank();
    long block = BLOCK_BYTES / width;
    for (long at = 0; at < count; at += block) {
      long from = offset + at * width;
      long length = Math.min(block, count - at);
      reduction.reduceAll(base[rank] + from, base, rank, from, length);
      spread(rank, from, length);
    }
  }

  private void reduceTreeAndSpread(long offset, long count) {
    int width = buffer.dtype().bytes();
    long block = BLOCK_BYTES / width;
    List<TreeAllReduce.Sum> sums = TreeAllReduce.sums(base.length);
    for (long at = 0; at < count; at += block) {
      long from = offset + at * width;
      long length = Math.min(block, count - at);
      for (TreeAllReduce.Sum sum : sums) {
        reduction.combine(base[sum.left()] + from, base[sum.right()] + from, length);
      }
      reduction.finish(base[0] + from, length, base.length);
      spread(0, from, length);
    }
  }

  /** What stands in the buffer of {@code holder} goes to everybody else's. */
  private void spread(int holder, long from, long count) {
    for (int other = 0; other < base.length; other++) {
      if (other != holder) {
        NativeMemory.copy(base[holder] + from, base[other] + from, count * buffer.dtype().bytes());
      }
    }
  }

  @Override
  long bytesDone() {
    return bytesDone;
  }

  @Override
  int stage() {
    return position;
  }

  /** Staging areas belong to the group alone. */
  @Override
  boolean inPlace() {
    for (int rank = 0; rank < base.length; rank++) {
      if (rank != group.rank() && placeOf(rank) != 0) {
        return true;
      }
    }
    return false;
  }

  @Override
  String done() {
    return bytesDone + " bytes done for a buffer of " + buffer.byteCount();
  }

  @Override
  int awaited() {
    return position < steps.size() && steps.get(position) instanceof Step.Await await
        ? await.peer()
        : -1;
  }
}
