package dev.trireme.coordinator.life;

import dev.trireme.protocol.RankReport.Finished;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Decides whether the ranks of a formation ended with the same state, which data-parallel training
 * promises: every rank applies the same sums to the same weights.
 */
public final class Agreement {
  private Agreement() {}

  /** The outcome. */
  public sealed interface Ruling {}

  /** All ranks hold the same state. */
  public record Agreed(String stateHash) implements Ruling {}

  /**
   * They do not.
   *
   * @param odd the ranks that differ from the largest group of agreeing ones; of groups alike in
   *     size the one with the lowest rank counts as right
   * @param reason names them and the hashes
   */
  public record Differ(List<Integer> odd, String reason) implements Ruling {
    public Differ {
      odd = List.copyOf(odd);
    }
  }

  /**
   * Compares the hashes that the ranks reported.
   *
   * @param finished of every rank, in order of rank; at least one with a hash
   */
  public static Ruling rule(List<Finished> finished) {
    Map<String, List<Integer>> ranksByHash = new LinkedHashMap<>();
    for (int rank = 0; rank < finished.size(); rank++) {
      if (finished.get(rank).stateHash().isEmpty()) {
        continue; // a server, which holds no replica
      }
      ranksByHash
          .computeIfAbsent(finished.get(rank).stateHash(), hash -> new ArrayList<>())
          .add(rank);
    }
    if (ranksByHash.size() == 1) {
      return new Agreed(finished.get(0).stateHash());
    }
    String common =
        ranksByHash.entrySet().stream()
            .max(
                Comparator.comparingInt((Map.Entry<String, List<Integer>> e) -> e.getValue().size())
                    .thenComparingInt(e -> -e.getValue().get(0)))
            .orElseThrow()
            .getKey();
    List<Integer> odd = new ArrayList<>();
    StringBuilder which = new StringBuilder();
    ranksByHash.forEach(
        (hash, ranks) -> {
          which.append(which.length() == 0 ? "" : ", ").append("ranks ").append(ranks);
          which.append(" ended with ").append(hash);
          if (!hash.equals(common)) {
            odd.addAll(ranks);
          }
        });
    odd.sort(null);
    return new Differ(
        odd, "the ranks ended with different states: " + which + "; odd are ranks " + odd);
  }
}
