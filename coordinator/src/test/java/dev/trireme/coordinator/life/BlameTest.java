package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.trireme.coordinator.life.Evidence.Complaint;
import dev.trireme.coordinator.life.Evidence.Exit;
import dev.trireme.coordinator.life.Evidence.HostLost;
import dev.trireme.coordinator.life.Evidence.Overdue;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.RankReport;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class BlameTest {
  private static final String UNDECIDED = "?";

  /** Evidence of a formation of 4 ranks, and the ruling before and after the wait. */
  static Stream<Arguments> table() {
    return Stream.of(
        arguments(List.of(exit(2)), "2: killed", "2: killed"),
        arguments(List.of(says(0, 2)), UNDECIDED, "2: says rank 0: silence"),
        arguments(List.of(says(0, 2), exit(2)), "2: killed", "2: killed"),
        arguments(List.of(says(0, 1), says(1, 2), exit(2)), "2: killed", "2: killed"),
        arguments(List.of(exit(2), exit(3)), "2: killed", "2: killed"),
        arguments(List.of(says(0, 2), says(2, 2)), "2: silence", "2: silence"),
        arguments(List.of(says(0, -1)), UNDECIDED, "0: silence"),
        arguments(List.of(says(0, -1), says(1, 3)), UNDECIDED, "3: says rank 1: silence"),
        // Nobody is accused: who has left lives, so it is one that has not.
        arguments(
            List.of(leaves(0, -1)), UNDECIDED, "1: says rank 0: silence; rank 1 has said nothing"),
        arguments(
            List.of(leaves(3, -1), leaves(0, -1), leaves(1, -1)),
            UNDECIDED,
            "2: says rank 3: silence; rank 2 has said nothing"),
        arguments(List.of(leaves(0, -1), leaves(1, 3)), UNDECIDED, "3: says rank 1: silence"),
        arguments(List.of(says(2, -1), leaves(0, -1)), UNDECIDED, "2: silence"),
        arguments(
            List.of(leaves(1, -1), leaves(0, -1), leaves(2, -1), leaves(3, -1)),
            "1: silence",
            "1: silence"),
        // A rank that has complained and then goes is not the culprit.
        arguments(List.of(says(0, 2), exit(0)), UNDECIDED, "2: says rank 0: silence"),
        arguments(
            List.of(says(0, 1), says(1, 2), says(3, 2)), UNDECIDED, "2: says rank 1: silence"),
        // Everybody has spoken: nothing to wait for.
        arguments(
            List.of(says(0, 1), says(1, 0), says(2, 1), says(3, 2)),
            "1: says rank 0: silence",
            "1: says rank 0: silence"),
        // Who ends says why; to the others it has only left.
        arguments(
            List.of(leaves(1, 0), fails(0, "the disk is gone"), leaves(2, 0)),
            UNDECIDED,
            "0: the disk is gone"),
        arguments(
            List.of(leaves(1, 0), fails(0, "the disk is gone"), leaves(2, 0), leaves(3, 0)),
            "0: the disk is gone",
            "0: the disk is gone"),
        arguments(
            List.of(leaves(1, -1), fails(0, "the disk is gone"), leaves(2, -1), leaves(3, -1)),
            "0: the disk is gone",
            "0: the disk is gone"),
        arguments(List.of(usage(3)), "3: bad labels", "3: bad labels"),
        arguments(List.of(says(0, 1), usage(3)), "3: bad labels", "3: bad labels"),
        arguments(
            List.of(says(0, 1), new HostLost("a", "h")),
            "-1: its agent was lost",
            "-1: its agent was lost"),
        arguments(
            List.of(new Overdue(1, "was not ready")), "1: was not ready", "1: was not ready"));
  }

  @ParameterizedTest
  @MethodSource("table")
  void shouldRule(List<Evidence> evidence, String early, String late) {
    assertThat(describe(Blame.rule(evidence, 4, false))).isEqualTo(early);
    assertThat(describe(Blame.rule(evidence, 4, true))).isEqualTo(late);
  }

  private static String describe(Blame.Ruling ruling) {
    return ruling instanceof Blame.Blamed blamed
        ? blamed.rank() + ": " + blamed.cause()
        : UNDECIDED;
  }

  private static Evidence fails(int rank, String why) {
    return new Complaint(rank, new RankReport.Failed(1, why, -1, false));
  }

  private static Evidence exit(int rank) {
    return new Exit(rank, new RankExit(1, 137, false, "killed", List.of()));
  }

  private static Evidence says(int rank, int suspect) {
    return new Complaint(rank, new RankReport.Failed(9, "silence", suspect, false));
  }

  private static Evidence leaves(int rank, int suspect) {
    return new Complaint(rank, new RankReport.Failed(9, "silence", suspect, false), true);
  }

  private static Evidence usage(int rank) {
    return new Complaint(rank, new RankReport.Failed(0, "bad labels", -1, true));
  }
}
