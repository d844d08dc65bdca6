package dev.trireme.coordinator.life;

import dev.trireme.protocol.CoordinatorToAgent.Survivor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the survivors that an order of another coordinator names were in the formation before, as
 * their agents tell again. While an agent has not made them ranks of the new formation, or never
 * will, they wait there as they were. Owned by a {@link Formation}.
 */
final class Former {
  /** A rank of an older formation. */
  private record Seat(long generation, int rank) {}

  private final Map<Integer, Long> named = new HashMap<>();
  private final Map<Seat, Long> processes = new HashMap<>();

  /** Of an order that names these; what others were is not kept. */
  Former(List<Survivor> survivors) {
    survivors.forEach(s -> named.put(s.rank(), s.pid()));
  }

  /** The process that an order names for a rank of it. */
  Optional<Long> named(int rank) {
    return Optional.ofNullable(named.get(rank));
  }

  /** A process became this rank, before this order. */
  void started(long generation, int rank, long pid) {
    if (named.containsValue(pid)) {
      processes.put(new Seat(generation, rank), pid);
    }
  }

  /** The process that this rank was; empty for one that the order does not name. */
  Optional<Long> process(long generation, int rank) {
    return Optional.ofNullable(processes.get(new Seat(generation, rank)));
  }
}
