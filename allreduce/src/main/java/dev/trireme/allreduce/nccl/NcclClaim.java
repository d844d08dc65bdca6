package dev.trireme.allreduce.nccl;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a rank has left of a formation that failed: a communicator of which those that are left may
 * make theirs. All ranks of the next formation show each other what they have, and decide alike.
 *
 * @param generation of the formation that failed, at least 0
 * @param rank that this process was in it
 * @param worldSize that it had
 */
public record NcclClaim(long generation, int rank, int worldSize) {
  public NcclClaim {
    if (generation < 0 || rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException(
          "expected a rank of a formation, found rank "
              + rank
              + " of "
              + worldSize
              + " in generation "
              + generation);
    }
  }

  /**
   * Which ranks of the old formation are left out of the new one, where the new one can be made of
   * the old one's communicators: every new rank was in the same old formation, in the same order,
   * and somebody is missing. NCCL keeps the order, and needs two for there to be anything to keep.
   * Pure.
   *
   * @param claims of the new formation's ranks, in their order
   * @return ranks of the old formation, ascending; empty where a new unique id is needed
   */
  public static Optional<List<Integer>> left(List<Optional<NcclClaim>> claims) {
    if (claims.size() < 2 || claims.stream().anyMatch(Optional::isEmpty)) {
      return Optional.empty();
    }
    NcclClaim first = claims.get(0).orElseThrow();
    List<Integer> left = new ArrayList<>();
    for (int rank = 0; rank < first.worldSize(); rank++) {
      left.add(rank);
    }
    int before = -1;
    for (Optional<NcclClaim> each : claims) {
      NcclClaim claim = each.orElseThrow();
      if (claim.generation() != first.generation()
          || claim.worldSize() != first.worldSize()
          || claim.rank() <= before) {
        return Optional.empty();
      }
      before = claim.rank();
      left.remove((Integer) claim.rank());
    }
    return left.isEmpty() ? Optional.empty() : Optional.of(List.copyOf(left));
  }

  /** As {@code 7/1/3}, which {@link #parse} reads. */
  public String text() {
    return generation + "/" + rank + "/" + worldSize;
  }

  /**
   * Reads {@link #text}.
   *
   * @throws IllegalArgumentException when it is none
   */
  public static NcclClaim parse(String text) {
    String[] words = text.split("/");
    if (words.length != 3) {
      throw new IllegalArgumentException(
          "expected generation/rank/worldSize, found '" + text + "'");
    }
    return new NcclClaim(
        Long.parseLong(words[0]), Integer.parseInt(words[1]), Integer.parseInt(words[2]));
  }
}
