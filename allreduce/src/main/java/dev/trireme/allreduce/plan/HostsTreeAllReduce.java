package dev.trireme.allreduce.plan;

import dev.trireme.allreduce.plan.Lanes.Range;
import dev.trireme.allreduce.plan.Lanes.Setting;
import dev.trireme.allreduce.plan.TreeAllReduce.Sum;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * All-reduce of a formation that spans hosts, in place, with the sums of {@link TreeAllReduce}: the
 * same bits as on one host, however the ranks are spread over hosts. The right rank of each sum
 * sends its elements to the left one, who adds them to its own; the whole, rank 0's, goes back the
 * way the parts have come. Segment by segment, so that one is on its way up while the next is still
 * being added.
 *
 * <p>All bytes travel as messages, within a host too. Cost for S bytes on W ranks: 2 log2(W) S on
 * the wires of rank 0, so that it is for those who want the same bits whatever the number of ranks
 * and pay for it.
 */
public final class HostsTreeAllReduce {
  private static final int UP = 0;
  private static final int DOWN = 1;
  private static final int SUMMED = 0;

  private HostsTreeAllReduce() {}

  /**
   * @param count elements of the buffer
   */
  public static Lanes plan(Setting setting, long count) {
    List<Sum> sums = TreeAllReduce.sums(setting.worldSize());
    List<Sum> back = new ArrayList<>(sums);
    Collections.reverse(back);
    int rank = setting.rank();
    List<Step> up = new ArrayList<>();
    List<Step> down = new ArrayList<>();
    int marks = 0;
    for (Range range : setting.segments(0, count)) {
      for (Sum sum : sums) {
        if (sum.left() == rank) {
          up.add(new Step.Receive(sum.right(), UP, range.from(), range.count(), true));
        } else if (sum.right() == rank) {
          up.add(new Step.Send(sum.left(), UP, range.from(), range.count()));
        }
      }
      if (rank == 0) {
        up.add(new Step.Finish(range.from(), range.count()));
      }
      up.add(new Step.Mark(SUMMED));
      down.add(new Step.Pass(SUMMED, ++marks));
      for (Sum sum : back) {
        if (sum.right() == rank) {
          down.add(new Step.Receive(sum.left(), DOWN, range.from(), range.count(), false));
        } else if (sum.left() == rank) {
          down.add(new Step.Send(sum.right(), DOWN, range.from(), range.count()));
        }
      }
    }
    return new Lanes(List.of(up, down));
  }
}
