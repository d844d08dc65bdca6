package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.checkpoint.Retention.Decision;
import dev.trireme.checkpoint.Retention.Removal;
import dev.trireme.checkpoint.Retention.Stored;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class RetentionTest {
  private static Stored whole(long generation, long step) {
    return new Stored("s" + step, step, generation, true, 10);
  }

  private static Stored damaged(long step) {
    return new Stored("s" + step, step, -1, false, 0);
  }

  private static List<String> removed(Decision decision) {
    return decision.removals().stream().map(Removal::name).toList();
  }

  @Test
  void shouldKeepTheNewestAndRemoveTheOldestFirst() {
    Decision decision =
        Retention.newest(2)
            .decide(
                List.of(whole(1, 4), whole(1, 1), whole(1, 3), whole(1, 2)),
                whole(1, 4),
                Set.of(),
                Lineage.UNKNOWN);

    assertThat(decision.removals())
        .containsExactly(
            new Removal("s1", "older than the 2 newest"),
            new Removal("s2", "older than the 2 newest"));
  }

  @Test
  void shouldNotCountDamagedOnes() {
    List<Stored> stored = List.of(damaged(1), whole(1, 2), damaged(3), whole(1, 4), whole(1, 5));

    assertThat(removed(Retention.newest(3).decide(stored, whole(1, 5), Set.of(), Lineage.UNKNOWN)))
        .containsExactly("s1");
    assertThat(removed(Retention.newest(4).decide(stored, whole(1, 5), Set.of(), Lineage.UNKNOWN)))
        .isEmpty();
  }

  @Test
  void shouldNotRemoveWhatIsBeingRead() {
    List<Stored> stored = List.of(whole(1, 1), whole(1, 2), whole(1, 3));

    assertThat(
            removed(Retention.newest(1).decide(stored, whole(1, 3), Set.of("s1"), Lineage.UNKNOWN)))
        .containsExactly("s2");
  }

  @Test
  void shouldLeaveAloneWhatLiesAhead() {
    List<Stored> stored = List.of(whole(1, 1), whole(1, 2), whole(1, 50), whole(2, 1));

    Decision decision = Retention.newest(1).decide(stored, whole(1, 2), Set.of(), Lineage.UNKNOWN);

    assertThat(decision.ahead()).containsExactlyInAnyOrder("s50", "s1");
    assertThat(removed(decision)).containsExactly("s1");
  }

  @Test
  void shouldRemoveWhatALaterGenerationDidAgain() {
    List<Stored> stored = List.of(whole(1, 3), whole(2, 2), whole(2, 4), whole(1, 1));

    assertThat(
            Retention.newest(9).decide(stored, whole(2, 4), Set.of(), Lineage.UNKNOWN).removals())
        .containsExactly(new Removal("s3", "superseded by a later generation"));
  }

  @Test
  void shouldKeepThoseOfEverySoManyStepsForGood() {
    List<Stored> stored = List.of(whole(1, 100), whole(1, 150), whole(1, 200), whole(1, 250));

    assertThat(
            removed(
                new Retention(1, OptionalLong.of(100), OptionalLong.empty())
                    .decide(stored, whole(1, 250), Set.of(), Lineage.UNKNOWN)))
        .containsExactly("s150");
  }

  @Test
  void shouldRemoveTheOldestThatAreNotForGoodWhereAllAreTooLarge() {
    List<Stored> stored = List.of(whole(1, 100), whole(1, 150), whole(1, 250), whole(1, 350));
    Retention retention = new Retention(9, OptionalLong.of(100), OptionalLong.of(25));

    assertThat(retention.decide(stored, whole(1, 350), Set.of(), Lineage.UNKNOWN).removals())
        .extracting(Removal::name)
        .containsExactly("s150", "s250");
    assertThat(
            removed(
                new Retention(9, OptionalLong.empty(), OptionalLong.of(1))
                    .decide(stored, whole(1, 350), Set.of(), Lineage.UNKNOWN)))
        .containsExactly("s100", "s150", "s250");
  }

  @Test
  void shouldRefuseWhatCanNeverFit() {
    Retention retention = new Retention(9, OptionalLong.of(100), OptionalLong.of(25));
    List<Stored> stored = List.of(whole(1, 100), whole(1, 150), whole(1, 200));

    assertThat(retention.refusal(stored, 250, 5)).isEmpty();
    assertThat(retention.refusal(stored, 250, 6))
        .get()
        .asString()
        .contains("6 bytes")
        .contains("have 20")
        .contains("checkpoint.maxSize, which is 25");
  }

  @Test
  void shouldRemoveWhatTheLineageLeftBehind() {
    Lineage lineage = new Lineage(List.of(new Lineage.Start(2, 151), new Lineage.Start(1, 1)));
    List<Stored> stored = List.of(whole(1, 100), whole(1, 150), whole(1, 151), whole(2, 300));

    assertThat(removed(Retention.newest(9).decide(stored, whole(2, 300), Set.of(), lineage)))
        .containsExactly("s151");
  }

  @Provide
  Arbitrary<List<Stored>> histories() {
    Arbitrary<Stored> one =
        Combinators.combine(
                Arbitraries.longs().between(0, 30),
                Arbitraries.longs().between(0, 3),
                Arbitraries.of(true, true, false))
            .as((step, generation, whole) -> whole ? whole(generation, step) : damaged(step));
    return one.list().uniqueElements(Stored::name).ofMaxSize(15);
  }

  @Property
  void shouldAlwaysKeepTheCommittedAndEnoughWholeOnes(
      @ForAll("histories") List<Stored> before,
      @ForAll @IntRange(min = 1, max = 5) int keep,
      @ForAll @IntRange(min = 0, max = 30) int step) {
    Stored committed = whole(2, step);
    List<Stored> stored = new ArrayList<>(before);
    stored.removeIf(one -> one.name().equals(committed.name()));
    stored.add(committed);

    List<String> removed =
        removed(Retention.newest(keep).decide(stored, committed, Set.of(), Lineage.UNKNOWN));

    assertThat(removed).doesNotContain(committed.name());
    long removedNotSuperseded =
        stored.stream()
            .filter(one -> one.whole() && removed.contains(one.name()))
            .filter(one -> stored.stream().noneMatch(other -> supersedes(other, one)))
            .count();
    long left = stored.stream().filter(one -> one.whole() && !removed.contains(one.name())).count();
    if (removedNotSuperseded > 0) {
      assertThat(left).isGreaterThanOrEqualTo(keep);
    }
  }

  private static boolean supersedes(Stored later, Stored earlier) {
    return later.whole()
        && later.generation() > earlier.generation()
        && later.step() <= earlier.step();
  }
}
