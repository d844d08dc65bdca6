package dev.trireme.allreduce.plan;

import dev.trireme.allreduce.plan.Lanes.Range;
import dev.trireme.allreduce.plan.Lanes.Setting;
import java.util.ArrayList;
import java.util.List;

/**
 * Collectives in which every element travels straight from the rank that has it to the rank that
 * wants it. Ranks of one host read each other's inputs in place; everything else is a message. All
 * pairs go on side by side.
 *
 * <p>Cost with n elements a part: a rank of an all-gather, all-to-all or reduce-scatter sends and
 * receives (W-1) n elements, as much as around a ring, in one step in place of W-1; the root of a
 * gather, scatter or reduce moves (W-1) n elements, (W-1) S of a buffer of S, and is what they wait
 * for.
 *
 * <p>Reductions add the inputs in one order, which depends neither on timing nor on where the ranks
 * are: the receiver's own, then the others by rank.
 */
public final class Pairwise {
  /** What the plan is for. */
  private final Setting setting;

  private final List<List<Step>> lanes = new ArrayList<>();

  private Pairwise(Setting setting) {
    this.setting = setting;
  }

  /** Everybody gets everybody's {@code n} elements. */
  public static Lanes allGather(Setting setting, long n) {
    Pairwise plan = new Pairwise(setting);
    plan.take(0, setting.rank() * n, n);
    for (int peer : setting.others()) {
      plan.serve(peer, 0, n);
      plan.get(peer, 0, peer * n, n);
    }
    return new Lanes(plan.lanes);
  }

  /** The root gets everybody's {@code n} elements. */
  public static Lanes gather(Setting setting, int root, long n) {
    Pairwise plan = new Pairwise(setting);
    if (setting.rank() != root) {
      plan.serve(root, 0, n);
      return new Lanes(plan.lanes);
    }
    plan.take(0, root * n, n);
    for (int peer : setting.others()) {
      plan.get(peer, 0, peer * n, n);
    }
    return new Lanes(plan.lanes);
  }

  /** Everybody gets {@code n} elements of the root. */
  public static Lanes scatter(Setting setting, int root, long n) {
    Pairwise plan = new Pairwise(setting);
    if (setting.rank() != root) {
      plan.get(root, setting.rank() * n, 0, n);
      return new Lanes(plan.lanes);
    }
    plan.take(root * n, 0, n);
    for (int peer : setting.others()) {
      plan.serve(peer, peer * n, n);
    }
    return new Lanes(plan.lanes);
  }

  /** Everybody gets {@code n} elements of everybody. */
  public static Lanes allToAll(Setting setting, long n) {
    Pairwise plan = new Pairwise(setting);
    plan.take(setting.rank() * n, setting.rank() * n, n);
    for (int peer : setting.others()) {
      plan.serve(peer, peer * n, n);
      plan.get(peer, setting.rank() * n, peer * n, n);
    }
    return new Lanes(plan.lanes);
  }

  /** Everybody gets the reduction of its {@code n} elements of every input. */
  public static Lanes reduceScatter(Setting setting, long n) {
    Pairwise plan = new Pairwise(setting);
    for (int peer : setting.others()) {
      plan.serveInSegments(peer, peer * n, n);
    }
    plan.reduceAll(true, setting.rank() * n, n);
    return new Lanes(plan.lanes);
  }

  /** The root gets the reduction of all buffers of {@code count} elements, in place. */
  public static Lanes reduce(Setting setting, int root, long count) {
    Pairwise plan = new Pairwise(setting);
    if (setting.rank() == root) {
      plan.reduceAll(false, 0, count);
    } else {
      plan.serveInSegments(root, 0, count);
    }
    return new Lanes(plan.lanes);
  }

  private void take(long inputFrom, long from, long n) {
    lanes.add(List.of(new Step.Take(inputFrom, from, n)));
  }

  /** Lets a peer have elements of this rank's input. */
  private void serve(int peer, long from, long n) {
    lanes.add(
        List.of(
            setting.reads(setting.rank(), peer)
                ? new Step.Await(peer, 1)
                : new Step.Send(peer, 0, from, n)));
  }

  private void serveInSegments(int peer, long from, long n) {
    if (setting.reads(setting.rank(), peer)) {
      lanes.add(List.of(new Step.Await(peer, 1)));
      return;
    }
    List<Step> lane = new ArrayList<>();
    for (Range range : setting.segments(from, n)) {
      lane.add(new Step.Send(peer, 0, range.from(), range.count()));
    }
    lanes.add(lane);
  }

  /** The other side of {@link #serve}. */
  private void get(int peer, long peerFrom, long from, long n) {
    lanes.add(
        setting.reads(peer, setting.rank())
            ? List.of(new Step.Fetch(peer, peerFrom, from, n, false), new Step.Tell(peer, 1))
            : List.of(new Step.Receive(peer, 0, from, n, false)));
  }

  /** Segment by segment, so that the sum stays in the cache while the peers' elements join it. */
  private void reduceAll(boolean fromInput, long inputFrom, long n) {
    List<Step> lane = new ArrayList<>();
    for (Range range : setting.segments(0, n)) {
      long at = range.from();
      if (fromInput) {
        lane.add(new Step.Take(inputFrom + at, at, range.count()));
      }
      for (int peer : setting.others()) {
        lane.add(
            setting.reads(peer, setting.rank())
                ? new Step.Fetch(peer, inputFrom + at, at, range.count(), true)
                : new Step.Receive(peer, 0, at, range.count(), true));
      }
      lane.add(new Step.Finish(at, range.count()));
    }
    for (int peer : setting.others()) {
      if (setting.reads(peer, setting.rank())) {
        lane.add(new Step.Tell(peer, 1));
      }
    }
    lanes.add(lane);
  }
}
