package dev.trireme.allreduce.plan;

import dev.trireme.allreduce.plan.Lanes.Range;
import dev.trireme.allreduce.plan.Lanes.Setting;
import java.util.ArrayList;
import java.util.List;

/**
 * Broadcast of a formation that spans hosts, in place: a chain of one rank a host, which begins at
 * the root, passes segments on from host to host while the next are still arriving; in each host
 * that rank hands them to the others, into their memory where it can be addressed, else as
 * messages.
 *
 * <p>Cost for S bytes in K segments on H hosts: every host receives S bytes over the network and
 * all but the last send as many, in K + H - 2 steps; a root that sent to every host itself would
 * have to send (H-1) S.
 */
public final class HostsBroadcast {
  private static final int HAS = 0;

  private HostsBroadcast() {}

  /**
   * @param root whose elements all get
   * @param count of elements
   */
  public static Lanes plan(Setting setting, int root, long count) {
    Hosts hosts = setting.hosts();
    int rank = setting.rank();
    int host = hosts.of().get(rank);
    int first = hosts.of().get(root);
    int leader = leader(hosts, host, root);
    List<Range> segments = setting.segments(0, count);
    List<List<Step>> lanes = new ArrayList<>();
    if (rank != leader) {
      lanes.add(
          setting.placed().test(rank)
              ? List.of(new Step.Await(leader, 1))
              : receive(leader, segments));
      return new Lanes(lanes);
    }
    boolean isRoot = rank == root;
    if (!isRoot) {
      int before = leader(hosts, Math.floorMod(host - 1, hosts.count()), root);
      lanes.add(receive(before, segments));
    }
    int next = (host + 1) % hosts.count();
    if (next != first) {
      lanes.add(send(leader(hosts, next, root), isRoot, segments));
    }
    for (int peer : hosts.ranks(host)) {
      if (peer != rank) {
        lanes.add(
            setting.placed().test(peer)
                ? put(peer, isRoot, segments)
                : send(peer, isRoot, segments));
      }
    }
    return new Lanes(lanes);
  }

  private static int leader(Hosts hosts, int host, int root) {
    return hosts.of().get(root) == host ? root : hosts.ranks(host).get(0);
  }

  private static List<Step> receive(int from, List<Range> segments) {
    List<Step> lane = new ArrayList<>();
    for (Range range : segments) {
      lane.add(new Step.Receive(from, 0, range.from(), range.count(), false));
      lane.add(new Step.Mark(HAS));
    }
    return lane;
  }

  private static List<Step> send(int to, boolean hasAll, List<Range> segments) {
    List<Step> lane = new ArrayList<>();
    for (int i = 0; i < segments.size(); i++) {
      lane.add(new Step.Pass(HAS, hasAll ? 0 : i + 1));
      lane.add(new Step.Send(to, 0, segments.get(i).from(), segments.get(i).count()));
    }
    return lane;
  }

  private static List<Step> put(int to, boolean hasAll, List<Range> segments) {
    List<Step> lane = new ArrayList<>();
    for (int i = 0; i < segments.size(); i++) {
      Range range = segments.get(i);
      lane.add(new Step.Pass(HAS, hasAll ? 0 : i + 1));
      lane.add(new Step.Spread(List.of(to), range.from(), range.count()));
    }
    lane.add(new Step.Tell(to, 1));
    return lane;
  }
}
