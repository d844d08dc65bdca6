package dev.trireme.coordinator.life;

import dev.trireme.coordinator.life.Evidence.Complaint;
import dev.trireme.coordinator.life.Evidence.Exit;
import dev.trireme.coordinator.life.Evidence.HostLost;
import dev.trireme.coordinator.life.Evidence.Overdue;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Decides who broke a formation.
 *
 * <p>When a rank dies, what arrives first may well be a survivor's complaint that its neighbour has
 * fallen silent. A complaint about another is therefore hearsay: it is held back for a moment,
 * until the death itself is seen, or the accused confesses. Facts (a process gone before its time,
 * a host lost, a deadline missed, a rank that blames itself) decide at once, the first to arrive
 * before the later ones, which are most often its consequences. Where no fact comes, the rank
 * accused most often is blamed. Where nobody is accused, as over NCCL, which does not say who was
 * waited for, it is the first rank that has said nothing: who has left its collectives lives, and
 * the one that hangs does not complain. Where all have complained, or one has ended by an error of
 * its own, it is the first that complained.
 */
public final class Blame {
  private Blame() {}

  /** The outcome. */
  public sealed interface Ruling {}

  /**
   * This rank, or host, did it.
   *
   * @param rank -1 for a whole host
   * @param by the evidence that decided
   * @param cause for people
   */
  public record Blamed(int rank, Evidence by, String cause) implements Ruling {
    /** Whether nothing speaks against it but that it has not complained. */
    boolean isBySilence() {
      return by instanceof Complaint complaint
          && complaint.report().suspectRank() < 0
          && complaint.rank() != rank;
    }
  }

  /** It is too early to tell. */
  public record Undecided(String reason) implements Ruling {}

  /**
   * Rules on what is known.
   *
   * @param evidence in order of arrival, at least one
   * @param worldSize ranks of the formation
   * @param waited whether no more evidence is to be waited for
   */
  public static Ruling rule(List<Evidence> evidence, int worldSize, boolean waited) {
    List<Complaint> hearsay = new ArrayList<>();
    Set<Integer> complained = new HashSet<>();
    for (Evidence each : evidence) {
      if (each instanceof HostLost lost) {
        return new Blamed(-1, lost, lost.cause());
      } else if (each instanceof Overdue overdue) {
        return new Blamed(overdue.rank(), overdue, overdue.what());
      } else if (each instanceof Complaint complaint && complaint.isConfession()) {
        return new Blamed(complaint.rank(), complaint, complaint.report().verdict());
      } else if (each instanceof Exit exit && !complained.contains(exit.rank())) {
        return new Blamed(exit.rank(), exit, exit.exit().description() + early(exit));
      } else if (each instanceof Complaint complaint) {
        hearsay.add(complaint);
        complained.add(complaint.rank());
      }
    }
    if (!waited && complained.size() < worldSize) {
      Complaint first = hearsay.get(0);
      return new Undecided(
          "rank "
              + first.rank()
              + " says: "
              + first.report().verdict()
              + "; waiting for what became of rank "
              + first.report().suspectRank());
    }
    return byHearsay(hearsay, IntStream.range(0, worldSize).filter(r -> !complained.contains(r)));
  }

  private static String early(Exit exit) {
    return exit.exit().code() == 0 ? " before it had finished" : "";
  }

  private static Blamed byHearsay(List<Complaint> hearsay, IntStream silent) {
    Map<Integer, Integer> votes = new HashMap<>();
    Complaint best = hearsay.get(0);
    for (Complaint complaint : hearsay) {
      int suspect = complaint.report().suspectRank();
      int count = suspect < 0 ? 0 : votes.merge(suspect, 1, Integer::sum);
      if (count > votes.getOrDefault(best.report().suspectRank(), 0)) {
        best = complaint;
      }
    }
    // Once more from the front: of those that accuse the most accused, the first is quoted.
    int accused = best.report().suspectRank();
    // Who ends, and accuses nobody, knows best why; the others have only seen something end.
    Optional<Complaint> own =
        hearsay.stream()
            .filter(c -> !c.parked() && c.report().suspectRank() < 0)
            .filter(c -> accused < 0 || c.rank() == accused)
            .findFirst();
    if (own.isPresent()) {
      return new Blamed(own.get().rank(), own.get(), own.get().report().verdict());
    }
    Complaint quoted =
        hearsay.stream().filter(c -> c.report().suspectRank() == accused).findFirst().orElse(best);
    String verdict = quoted.report().verdict();
    String says = "says rank " + quoted.rank() + ": " + verdict;
    if (accused >= 0) {
      return new Blamed(accused, quoted, says);
    }
    OptionalInt hanging =
        hearsay.stream().allMatch(Complaint::parked) ? silent.min() : OptionalInt.empty();
    if (hanging.isEmpty()) {
      return new Blamed(quoted.rank(), quoted, verdict);
    }
    int rank = hanging.getAsInt();
    return new Blamed(rank, quoted, says + "; rank " + rank + " has said nothing");
  }
}
