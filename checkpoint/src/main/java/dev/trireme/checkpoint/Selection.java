package dev.trireme.checkpoint;

import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.format.Manifest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Which checkpoints of a directory to try, and in which order: a pure decision that gives a reason
 * for everything it leaves out.
 *
 * <p>The newest step comes first. A checkpoint of generation g at step s is left out when a later
 * generation wrote one at or before s: that generation began at or before s, so that s was done
 * again and the old state is off the line of descent. Where the {@link Lineage} is known, it says
 * the same of generations that have written none yet.
 *
 * @param candidates to try, best first; their bytes are not verified yet
 * @param skipped the others, with the reason of each
 */
public record Selection(List<Candidate> candidates, List<Skipped> skipped) {
  public Selection {
    candidates = List.copyOf(candidates);
    skipped = List.copyOf(skipped);
  }

  /**
   * A checkpoint whose manifest can be read.
   *
   * @param name of its directory
   * @param manifest it holds
   */
  public record Candidate(String name, Manifest manifest) {}

  /**
   * One that is not taken.
   *
   * @param name of its directory
   * @param reason for a person
   */
  public record Skipped(String name, String reason) {
    /** As {@code step-00001200: its manifest is missing}. */
    @Override
    public String toString() {
      return name + ": " + reason;
    }
  }

  /**
   * Decides.
   *
   * @param readable those whose manifest can be read
   * @param damaged those that are already known not to be whole
   * @param staged what was being written
   * @param lineage as far as it is known
   */
  public static Selection of(
      List<Candidate> readable, List<Skipped> damaged, List<WriteId> staged, Lineage lineage) {
    List<Candidate> candidates = new ArrayList<>();
    List<Skipped> skipped = new ArrayList<>(damaged);
    for (WriteId id : staged) {
      skipped.add(new Skipped(id.stagingName(), "it was never committed"));
    }
    for (Candidate candidate : readable) {
      Optional<Candidate> successor =
          readable.stream().filter(other -> supersedes(other, candidate)).findFirst();
      Optional<Lineage.Start> later =
          lineage.supersededBy(candidate.manifest().generation(), candidate.manifest().step());
      if (later.isPresent()) {
        skipped.add(new Skipped(candidate.name(), superseded(candidate, later.get())));
      } else if (successor.isPresent()) {
        skipped.add(new Skipped(candidate.name(), superseded(candidate, successor.get())));
      } else {
        candidates.add(candidate);
      }
    }
    candidates.sort(
        Comparator.<Candidate>comparingLong(c -> c.manifest().step())
            .reversed()
            .thenComparing(Candidate::name));
    skipped.sort(Comparator.comparing(Skipped::name).reversed());
    return new Selection(candidates, skipped);
  }

  private static boolean supersedes(Candidate later, Candidate earlier) {
    return later.manifest().generation() > earlier.manifest().generation()
        && later.manifest().step() <= earlier.manifest().step();
  }

  private static String superseded(Candidate candidate, Lineage.Start later) {
    return "superseded: generation "
        + later.generation()
        + " began with step "
        + later.firstStep()
        + ", this one is of generation "
        + candidate.manifest().generation();
  }

  private static String superseded(Candidate candidate, Candidate successor) {
    return "superseded: generation "
        + successor.manifest().generation()
        + " did this step again (see "
        + successor.name()
        + "), this one is of generation "
        + candidate.manifest().generation();
  }
}
