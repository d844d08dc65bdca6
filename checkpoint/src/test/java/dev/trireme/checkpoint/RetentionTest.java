package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.checkpoint.Retention.Decision;
import dev.trireme.checkpoint.Retention.Removal;
import dev.trireme.checkpoint.Retention.Stored;
import java.util.ArrayList;
import java.util.List;
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
    return new Stored("s" + step, step, generation, true);
  }

  private static Stored damaged(long step) {
    return new Stored("s" + step, step, -1, false);
  }

  private static List<String> removed(Decision decision) {
    return decision.removals().stream().map(Removal::name).toList();
  }

  @Test
  void shouldKeepTheNewestAndRemoveTheOldestFirst() {
    Decision decision =
        new Retention(2)
            .decide(
                List.of(whole(1, 4), whole(1, 1), whole(1, 3), whole(1, 2)), whole(1, 4), Set.of());

    assertThat(decision.removals())
        .containsExactly(
            new Removal("s1", "older than the 2 newest"),
            new Removal("s2", "older than the 2 newest"));
  }

  @Test
  void shouldNotCountDamagedOnes() {
    List<Stored> stored = List.of(damaged(1), whole(1, 2), damaged(3), whole(1, 4), whole(1, 5));

    assertThat(removed(new Retention(3).decide(stored, whole(1, 5), Set.of())))
        .containsExactly("s1");
    assertThat(removed(new Retention(4).decide(stored, whole(1, 5), Set.of()))).isEmpty();
  }

  @Test
  void shouldNotRemoveWhatIsBeingRead() {
    List<Stored> stored = List.of(whole(1, 1), whole(1, 2), whole(1, 3));

    assertThat(removed(new Retention(1).decide(stored, whole(1, 3), Set.of("s1"))))
        .containsExactly("s2");
  }

  @Test
  void shouldLeaveAloneWhatLiesAhead() {
    List<Stored> stored = List.of(whole(1, 1), whole(1, 2), whole(1, 50), whole(2, 1));

    Decision decision = new Retention(1).decide(stored, whole(1, 2), Set.of());

    assertThat(decision.ahead()).containsExactlyInAnyOrder("s50", "s1");
    assertThat(removed(decision)).containsExactly("s1");
  }

  @Test
  void shouldRemoveWhatALaterGenerationDidAgain() {
    List<Stored> stored = List.of(whole(1, 3), whole(2, 2), whole(2, 4), whole(1, 1));

    assertThat(new Retention(9).decide(stored, whole(2, 4), Set.of()).removals())
        .containsExactly(new Removal("s3", "superseded by a later generation"));
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

    List<String> removed = removed(new Retention(keep).decide(stored, committed, Set.of()));

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
