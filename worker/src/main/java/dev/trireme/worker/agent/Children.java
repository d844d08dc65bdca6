package dev.trireme.worker.agent;

import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.HostDevice;
import dev.trireme.protocol.Stamp;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * An agent's processes, and which of them is meant.
 *
 * <p>Threading: the supervisor's thread.
 */
final class Children {
  private final Map<Integer, Child> bySlot = new TreeMap<>();

  void add(Child child) {
    bySlot.put(child.slot(), child);
  }

  void remove(Child child) {
    bySlot.remove(child.slot());
  }

  /** All of them, in the order in which they were started. */
  Collection<Child> all() {
    return bySlot.values();
  }

  /** The devices that its processes have been shown, once for each that may compute there. */
  List<HostDevice> devices() {
    return bySlot.values().stream()
        .filter(c -> c.join().filter(j -> j.backing().device() == DeviceKind.CPU).isEmpty())
        .flatMap(c -> c.process().device().stream())
        .toList();
  }

  boolean isEmpty() {
    return bySlot.isEmpty();
  }

  List<Child> ranksOf(String jobId) {
    return bySlot.values().stream().filter(c -> c.isRankOf(jobId)).toList();
  }

  /** Slots that are taken; who is about to end takes none. */
  long taken() {
    return bySlot.values().stream().filter(c -> !c.isIdle() && !c.isEndExpected()).count();
  }

  /** Processes that can still become ranks. */
  int idle() {
    return (int) bySlot.values().stream().filter(Child::isIdle).count();
  }

  /** Those of them that have said Hello. */
  int ready() {
    return (int) bySlot.values().stream().filter(c -> c.isIdle() && c.hasSaidHello()).count();
  }

  /** The process that is this rank of the very formation. */
  Optional<Child> find(String jobId, Stamp stamp, int rank) {
    return ranksOf(jobId).stream()
        .filter(c -> c.join().get().rank() == rank)
        .filter(c -> c.join().get().stamp().generation() == stamp.generation())
        .findFirst();
  }

  /** The process of an older formation that is to become this rank, if it lives. */
  Optional<Child> survivor(StartRanks command, int rank) {
    return command.survivors().stream()
        .filter(s -> s.rank() == rank)
        .flatMap(s -> ranksOf(command.jobId()).stream().filter(c -> c.process().pid() == s.pid()))
        .filter(c -> !c.isEndExpected())
        .findFirst();
  }

  /** Whether an order names a rank that no process is, and none survives to become. */
  boolean needsProcess(StartRanks command) {
    return command.ranks().stream()
        .filter(rank -> command.survivors().stream().noneMatch(s -> s.rank() == rank))
        .anyMatch(rank -> find(command.jobId(), command.stamp(), rank).isEmpty());
  }

  /** What an older formation of the job has here and the one that is ordered does not take over. */
  List<Child> endedBy(StartRanks command) {
    // Of the generation alone: another coordinator may order the same formation once more.
    return ranksOf(command.jobId()).stream()
        .filter(c -> c.join().get().stamp().generation() < command.stamp().generation())
        .filter(c -> command.survivors().stream().noneMatch(s -> s.pid() == c.process().pid()))
        .toList();
  }

  /** An idle process, one that has said Hello before one that has not. */
  Optional<Child> warmest() {
    return bySlot.values().stream()
        .filter(Child::isIdle)
        .reduce((a, b) -> a.hasSaidHello() || !b.hasSaidHello() ? a : b);
  }
}
