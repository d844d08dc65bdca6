package dev.trireme.coordinator.life;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Collects what the ranks of one formation have to say to each other before they can meet: each
 * says one word, and once the last has, all are told all of them. Owned by a {@link JobRun}.
 */
final class Rendezvous {
  private final int worldSize;
  private final Map<Integer, String> said = new HashMap<>();

  Rendezvous(int worldSize) {
    this.worldSize = worldSize;
  }

  /**
   * A rank has said its word; of one that speaks twice, the first word counts.
   *
   * @return the words of all, in order of rank, when this was the last
   */
  Optional<List<String>> said(int rank, String contact) {
    if (rank < 0 || rank >= worldSize || said.putIfAbsent(rank, contact) != null) {
      return Optional.empty();
    }
    if (said.size() < worldSize) {
      return Optional.empty();
    }
    List<String> all = new ArrayList<>();
    IntStream.range(0, worldSize).forEach(r -> all.add(said.get(r)));
    return Optional.of(List.copyOf(all));
  }

  /** Whether nobody has spoken yet. */
  boolean isEmpty() {
    return said.isEmpty();
  }

  /** The ranks that have not spoken. */
  List<Integer> silent() {
    return IntStream.range(0, worldSize).filter(r -> !said.containsKey(r)).boxed().toList();
  }
}
