package dev.trireme.worker.channel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.Stamp;
import org.junit.jupiter.api.Test;

class StampGuardTest {
  private final StampGuard guard = new StampGuard();

  @Test
  void shouldAdmitTheSameAndHigherStamps() {
    assertThat(guard.admit("a", new Stamp(1, 1))).isEmpty();
    assertThat(guard.admit("a", new Stamp(1, 1))).isEmpty();
    assertThat(guard.admit("a", new Stamp(1, 2))).isEmpty();
    assertThat(guard.admit("a", new Stamp(2, 3))).isEmpty();
    assertThat(guard.highestTerm()).isEqualTo(2);
    assertThat(guard.highestGeneration()).isEqualTo(3);
  }

  @Test
  void shouldRefuseALowerGenerationOfTheSameJobAndSayWhy() {
    guard.admit("a", new Stamp(1, 5));
    assertThat(guard.admit("a", new Stamp(1, 4)))
        .hasValue("term 1, generation 4 is over: term 1, generation 5 has been obeyed for job a");
  }

  @Test
  void shouldNotCompareGenerationsOfDifferentJobs() {
    guard.admit("a", new Stamp(1, 5));
    assertThat(guard.admit("b", new Stamp(1, 2))).isEmpty();
    assertThat(guard.highestGeneration()).isEqualTo(5);
  }

  @Test
  void shouldRefuseALowerTermForEveryJob() {
    guard.admit("a", new Stamp(2, 1));
    assertThat(guard.admit("b", new Stamp(1, 9))).hasValueSatisfying(w -> w.contains("term 1"));
    assertThat(guard.admit(new Stamp(1, 0))).isPresent();
    assertThat(guard.highestGeneration()).as("what was refused is not remembered").isEqualTo(1);
  }

  @Test
  void shouldRememberTheTermOfACoordinatorThatCommandedNothingYet() {
    assertThat(guard.admit(new Stamp(3, 0))).isEmpty();
    assertThat(guard.admit("a", new Stamp(2, 7))).isPresent();
    assertThat(guard.admit("a", new Stamp(3, 7))).isEmpty();
  }
}
