package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a job gets or has of one agent. A job's place in the cluster is a list of these, one for an
 * agent, the first being the one with rank 0; where a job gives up slots, it gives up the last
 * first.
 *
 * @param slots at least 1
 */
public record Share(String agentId, int slots) {
  public Share {
    if (slots < 1) {
      throw new IllegalArgumentException("expected at least 1 slot, found " + slots);
    }
  }

  /** The slots of all of these. */
  public static int total(List<Share> shares) {
    return shares.stream().mapToInt(Share::slots).sum();
  }

  /** The slots of one agent among these, 0 where it has none. */
  public static int on(String agentId, List<Share> shares) {
    return shares.stream().filter(s -> s.agentId().equals(agentId)).mapToInt(Share::slots).sum();
  }

  /** Ranks from 0 on, consecutive on each agent. */
  static List<Placement> deal(List<Share> shares) {
    List<Placement> placements = new ArrayList<>();
    int first = 0;
    for (Share share : shares) {
      List<Integer> ranks = IntStream.range(first, first + share.slots()).boxed().toList();
      placements.add(new Placement(share.agentId(), ranks));
      first += share.slots();
    }
    return placements;
  }

  /**
   * The first of these slots.
   *
   * @param count at least 0; more than there are changes nothing
   */
  static List<Share> first(int count, List<Share> shares) {
    List<Share> kept = new ArrayList<>();
    int left = count;
    for (Share share : shares) {
      if (left > 0) {
        kept.add(new Share(share.agentId(), Math.min(left, share.slots())));
        left -= share.slots();
      }
    }
    return kept;
  }

  /** These and some more of one agent, which become the last where it has none yet. */
  static List<Share> plus(List<Share> shares, String agentId, int more) {
    List<Share> grown = new ArrayList<>();
    boolean there = false;
    for (Share share : shares) {
      boolean same = share.agentId().equals(agentId);
      grown.add(same ? new Share(agentId, share.slots() + more) : share);
      there |= same;
    }
    if (!there) {
      grown.add(new Share(agentId, more));
    }
    return grown;
  }
}
