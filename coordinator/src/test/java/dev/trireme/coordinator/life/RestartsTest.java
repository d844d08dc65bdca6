package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.coordinator.life.Restarts.Allowed;
import dev.trireme.coordinator.life.Restarts.Broken;
import dev.trireme.coordinator.life.Restarts.Exhausted;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RestartsTest {
  private static final FailurePolicySpec POLICY = new FailurePolicySpec(3, 60, 3, 2, 5, 2);

  private final List<Broken> history = new ArrayList<>();

  private Restarts.Ruling after(double seconds, boolean fruitless) {
    history.add(new Broken(nanos(seconds), Set.of("a"), fruitless));
    return Restarts.rule(POLICY, history);
  }

  private static long nanos(double seconds) {
    return Duration.ofMillis((long) (seconds * 1000)).toNanos();
  }

  @Test
  void shouldGoOnAtOnceAfterProgress() {
    assertThat(after(10, false)).isEqualTo(new Allowed(nanos(10), "at once"));
    assertThat(after(20, false)).isEqualTo(new Allowed(nanos(20), "at once"));
  }

  @Test
  void shouldEndAfterTooManyFailuresWithinTheWindow() {
    after(0, false);
    after(10, false);
    after(20, false);
    assertThat(after(30, false))
        .isEqualTo(new Exhausted("4 failures within 60 s, failurePolicy.maxRestarts is 3"));
  }

  @Test
  void shouldForgetFailuresThatAreOlderThanTheWindow() {
    for (int i = 0; i < 50; i++) {
      assertThat(after(i * 30, false)).isInstanceOf(Allowed.class);
    }
  }

  @Test
  void shouldWaitTwiceAsLongWithEachFruitlessRestart() {
    FailurePolicySpec patient = new FailurePolicySpec(100, 60, 100, 2, 5, 2);
    List<Long> waits = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      history.add(new Broken(0, Set.of("a"), true));
      waits.add(((Allowed) Restarts.rule(patient, history)).notBefore());
    }
    assertThat(waits).containsExactly(0L, nanos(2), nanos(4), nanos(5));
  }

  @Test
  void shouldGiveUpSoonerWhatNeverGetsAnywhere() {
    FailurePolicySpec policy = new FailurePolicySpec(100, 60, 1, 0, 0, 0);
    history.add(new Broken(0, Set.of("a"), true));
    history.add(new Broken(1, Set.of("a"), true));
    assertThat(Restarts.rule(policy, history).reason())
        .isEqualTo(
            "2 failures in a row without a committed step,"
                + " failurePolicy.maxFruitlessRestarts is 1");
    history.add(new Broken(2, Set.of("a"), false));
    assertThat(Restarts.rule(policy, history)).isInstanceOf(Allowed.class);
  }

  @Test
  void shouldNotGoOnAtAllWhenForbidden() {
    FailurePolicySpec never = new FailurePolicySpec(0, 60, 3, 0, 0, 0);
    history.add(new Broken(0, Set.of("a"), false));
    assertThat(Restarts.rule(never, history)).isInstanceOf(Exhausted.class);
  }

  @Test
  void shouldExcludeAHostThatKeepsFailingUntilTheWindowIsOver() {
    after(0, false);
    history.add(new Broken(nanos(5), Set.of("b"), false));
    assertThat(Restarts.excluded(POLICY, history, nanos(5))).isEmpty();
    after(10, false);
    assertThat(Restarts.excluded(POLICY, history, nanos(11))).containsExactly("a");
    assertThat(Restarts.excluded(POLICY, history, nanos(61))).isEmpty();
  }
}
