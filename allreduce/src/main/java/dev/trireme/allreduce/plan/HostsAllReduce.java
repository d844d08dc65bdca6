package dev.trireme.allreduce.plan;

import dev.trireme.allreduce.plan.Lanes.Range;
import dev.trireme.allreduce.plan.Lanes.Setting;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * All-reduce of a formation that spans hosts, in place. Inside each host the buffers are summed
 * through shared memory, between hosts only sums travel.
 *
 * <p>The buffer is split into one slice for each of the first L ranks of every host, L being the
 * number of ranks of the smallest host; slices of different local index have nothing to do with
 * each other. The rank of local index i adds its host's ranks' elements of slice i to its own,
 * all-reduces the slice with the ranks of local index i of the other hosts, and writes the result
 * to its host's other ranks. All of that goes on segment by segment, in lanes: a segment is on the
 * wire while the next is still being summed. Ranks beyond L only lend their buffers.
 *
 * <p>Between the hosts, by one of two algorithms:
 *
 * <ul>
 *   <li>owner: the slice is split into one chunk a host; everybody sends each chunk to its owner,
 *       who adds them up, own first, then in order of host, and sends the sum to everybody. Two
 *       steps, whatever the number of hosts.
 *   <li>ring: as {@link RingAllReduce}, with the segments of a chunk in flight one behind the
 *       other. 2 (H-1) steps, but each rank hears of one other only, which spares networks that
 *       suffer where many send to one.
 * </ul>
 *
 * <p>Cost for S bytes on H hosts: each slice owner sends and receives 2 S/L (H-1)/H bytes over the
 * network, the least that is possible; inside a host each buffer is read once and written once. The
 * result of an element is computed once per host pair in one fixed order and copied as it is, so
 * all ranks end with the same bits.
 *
 * <p>Where some rank's buffer cannot be addressed by its host's other ranks, every rank counts as a
 * host of its own, and messages take the place of shared memory.
 *
 * <p>Source of the hierarchy: Thakur, Rabenseifner and Gropp, "Optimization of collective
 * communication operations in MPICH", Int. J. High Perform. Comput. Appl. 19 (2005), and the
 * hierarchical all-reduce of Horovod.
 */
public final class HostsAllReduce {
  private static final int CONTRIBUTION = 0;
  private static final int RESULT = 1;
  private static final int SUMMED_HERE = 0;
  private static final int SUMMED = 1;
  private static final int FINAL = 2;

  private final Setting setting;
  private final int rank;
  private final List<Integer> neighbours;
  private final List<Integer> circle = new ArrayList<>();
  private final int me;
  private final List<List<Range>> chunks = new ArrayList<>();
  private final Map<Range, Integer> order = new HashMap<>();
  private final List<List<Step>> lanes = new ArrayList<>();

  private HostsAllReduce(Setting setting, Hosts hosts, int owners, long count) {
    this.setting = setting;
    this.rank = setting.rank();
    int index = hosts.localIndex(rank);
    this.neighbours = new ArrayList<>(hosts.ranks(hosts.of().get(rank)));
    neighbours.remove((Integer) rank);
    for (int host = 0; host < hosts.count(); host++) {
      circle.add(hosts.ranks(host).get(index));
    }
    this.me = circle.indexOf(rank);
    Chunks slices = new Chunks(count, owners);
    Chunks parts = new Chunks(slices.length(index), circle.size());
    for (int i = 0; i < circle.size(); i++) {
      List<Range> segments = setting.segments(slices.from(index) + parts.from(i), parts.length(i));
      chunks.add(segments);
      segments.forEach(range -> order.put(range, order.size() + 1));
    }
  }

  /**
   * @param ring whether hosts speak around a ring rather than each with each
   * @param count elements of the buffer
   */
  public static Lanes plan(Setting setting, boolean ring, long count) {
    Hosts hosts = setting.hosts();
    for (int each = 0; each < hosts.worldSize(); each++) {
      boolean alone = hosts.ranks(hosts.of().get(each)).size() == 1;
      if (!alone && !setting.placed().test(each)) {
        return plan(flat(setting), ring, count);
      }
    }
    int owners = hosts.fewest();
    List<List<Step>> lanes = new ArrayList<>();
    if (hosts.localIndex(setting.rank()) < owners) {
      HostsAllReduce plan = new HostsAllReduce(setting, hosts, owners, count);
      plan.sumHere();
      if (ring) {
        plan.ring();
      } else {
        plan.owner();
      }
      plan.tell();
      lanes.addAll(plan.lanes);
    }
    for (int owner : hosts.ranks(hosts.of().get(setting.rank())).subList(0, owners)) {
      if (owner != setting.rank()) {
        lanes.add(List.of(new Step.Await(owner, 1)));
      }
    }
    return new Lanes(lanes);
  }

  private static Setting flat(Setting setting) {
    List<Integer> each = new ArrayList<>();
    for (int i = 0; i < setting.worldSize(); i++) {
      each.add(i);
    }
    return new Setting(setting.rank(), new Hosts(each), setting.placed(), setting.segment());
  }

  private void sumHere() {
    if (neighbours.isEmpty()) {
      return;
    }
    List<Step> lane = new ArrayList<>();
    for (List<Range> chunk : chunks) {
      for (Range range : chunk) {
        for (int peer : neighbours) {
          lane.add(new Step.Fetch(peer, range.from(), range.from(), range.count(), true));
        }
        lane.add(new Step.Mark(SUMMED_HERE));
      }
    }
    lanes.add(lane);
  }

  /** Waits until this host's sum of the segment is there. */
  private void afterSumHere(List<Step> lane, Range range) {
    if (!neighbours.isEmpty()) {
      lane.add(new Step.Pass(SUMMED_HERE, order.get(range)));
    }
  }

  private void owner() {
    int parties = circle.size();
    List<Step> sum = new ArrayList<>();
    for (Range range : chunks.get(me)) {
      afterSumHere(sum, range);
      for (int i = 0; i < parties; i++) {
        if (i != me) {
          sum.add(new Step.Receive(circle.get(i), CONTRIBUTION, range.from(), range.count(), true));
        }
      }
      sum.add(new Step.Finish(range.from(), range.count()));
      sum.add(new Step.Mark(SUMMED));
      end(sum, range);
    }
    // Each begins with another peer, so that not all send to the first at once.
    for (int shift = 1; shift < parties; shift++) {
      int other = (me + shift) % parties;
      List<Step> send = new ArrayList<>();
      for (Range range : chunks.get(other)) {
        afterSumHere(send, range);
        send.add(new Step.Send(circle.get(other), CONTRIBUTION, range.from(), range.count()));
      }
      lanes.add(send);
    }
    lanes.add(sum);
    for (int shift = 1; shift < parties; shift++) {
      int other = (me + shift) % parties;
      List<Step> send = new ArrayList<>();
      int marks = 0;
      for (Range range : chunks.get(me)) {
        send.add(new Step.Pass(SUMMED, ++marks));
        send.add(new Step.Send(circle.get(other), RESULT, range.from(), range.count()));
      }
      lanes.add(send);
      List<Step> receive = new ArrayList<>();
      for (Range range : chunks.get(other)) {
        receive.add(
            new Step.Receive(circle.get(other), RESULT, range.from(), range.count(), false));
        end(receive, range);
      }
      lanes.add(receive);
    }
  }

  private void ring() {
    int parties = circle.size();
    int left = circle.get(Math.floorMod(me - 1, parties));
    int right = circle.get((me + 1) % parties);
    int halfway = parties - 1;
    List<Step> receive = new ArrayList<>();
    List<Step> send = new ArrayList<>();
    for (Range range : chunks.get(me)) {
      afterSumHere(send, range);
      send.add(new Step.Send(right, 0, range.from(), range.count()));
    }
    int marks = 0;
    for (int s = 0; s < 2 * halfway; s++) {
      boolean reduce = s < halfway;
      int chunk = Math.floorMod(reduce ? me - s - 1 : me - (s - halfway), parties);
      for (Range range : chunks.get(chunk)) {
        if (reduce) {
          afterSumHere(receive, range);
        }
        receive.add(new Step.Receive(left, 0, range.from(), range.count(), reduce));
        if (s == halfway - 1) {
          receive.add(new Step.Finish(range.from(), range.count()));
        }
        receive.add(new Step.Mark(SUMMED));
        if (s >= halfway - 1) {
          end(receive, range);
        }
        if (s < 2 * halfway - 1) {
          send.add(new Step.Pass(SUMMED, ++marks));
          send.add(new Step.Send(right, 0, range.from(), range.count()));
        }
      }
    }
    lanes.add(send);
    lanes.add(receive);
  }

  /** The segment is final. */
  private void end(List<Step> lane, Range range) {
    if (!neighbours.isEmpty()) {
      lane.add(new Step.Spread(neighbours, range.from(), range.count()));
      lane.add(new Step.Mark(FINAL));
    }
  }

  private void tell() {
    List<Step> lane = new ArrayList<>();
    lane.add(new Step.Pass(FINAL, neighbours.isEmpty() ? 0 : order.size()));
    neighbours.forEach(peer -> lane.add(new Step.Tell(peer, 1)));
    lanes.add(lane);
  }
}
