package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which ranks share a host, and so can address each other's memory.
 *
 * @param of the host of each rank: numbers from 0, in order of the hosts' lowest ranks
 */
public record Hosts(List<Integer> of) {
  /** Copies the list. */
  public Hosts {
    of = List.copyOf(of);
  }

  /** All ranks on one host. */
  public static Hosts one(int worldSize) {
    return new Hosts(java.util.Collections.nCopies(worldSize, 0));
  }

  /** Numbers the hosts behind these names of theirs, one a rank. */
  public static Hosts named(List<String> names) {
    List<String> distinct = names.stream().distinct().toList();
    return new Hosts(names.stream().map(distinct::indexOf).toList());
  }

  /** The number of ranks. */
  public int worldSize() {
    return of.size();
  }

  /** The number of hosts. */
  public int count() {
    return (int) of.stream().distinct().count();
  }

  /** Whether two ranks share a host. */
  public boolean together(int one, int other) {
    return of.get(one).equals(of.get(other));
  }

  /** The ranks of a host, in order. */
  public List<Integer> ranks(int host) {
    List<Integer> ranks = new ArrayList<>();
    for (int rank = 0; rank < of.size(); rank++) {
      if (of.get(rank) == host) {
        ranks.add(rank);
      }
    }
    return ranks;
  }

  /** Its number among the ranks of its host. */
  int localIndex(int rank) {
    return ranks(of.get(rank)).indexOf(rank);
  }

  /** The smallest number of ranks that a host has. */
  int fewest() {
    int[] sizes = new int[count()];
    of.forEach(host -> sizes[host]++);
    return Arrays.stream(sizes).min().orElse(0);
  }
}
