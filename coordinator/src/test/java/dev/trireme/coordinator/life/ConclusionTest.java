package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.life.Conclusion.Asked;
import dev.trireme.coordinator.life.Conclusion.Differ;
import dev.trireme.coordinator.life.Conclusion.End;
import dev.trireme.coordinator.life.Conclusion.FormAnew;
import dev.trireme.coordinator.life.Conclusion.WaitAgain;
import dev.trireme.protocol.RankReport.Finished;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ConclusionTest {
  private static final Asked NOTHING = new Asked(false, false, false, false, false);

  @Test
  void shouldEndWhenAllHaveTrainedToTheEnd() {
    assertThat(Conclusion.of(all(false, "x", "x"), NOTHING)).isInstanceOf(End.class);
  }

  @Test
  void shouldEndWhenAProgramStopsOfItself() {
    assertThat(Conclusion.of(all(true, "x", "x"), NOTHING)).isInstanceOf(End.class);
  }

  @Test
  void shouldNameTheOddRankWhateverWasAsked() {
    every()
        .forEach(
            asked ->
                assertThat(Conclusion.of(all(true, "x", "y", "x"), asked))
                    .isInstanceOfSatisfying(
                        Differ.class,
                        differ -> {
                          assertThat(differ.odd()).isEqualTo(1);
                          assertThat(differ.reason()).contains("[1]", "ended with y");
                        }));
  }

  @Test
  void shouldEndWhateverWasAskedOfRanksThatCameToTheirLastStepFirst() {
    every()
        .forEach(
            asked ->
                assertThat(Conclusion.of(all(false, "x", "x"), asked)).isInstanceOf(End.class));
  }

  static Stream<Asked> toGoOn() {
    return Stream.of(
        new Asked(true, false, false, false, false),
        new Asked(false, true, false, false, false),
        new Asked(false, false, true, false, false),
        new Asked(true, false, false, true, false),
        new Asked(false, true, true, true, false));
  }

  @ParameterizedTest
  @MethodSource("toGoOn")
  void shouldFormAnewWhenThatIsAllTheyStoppedFor(Asked asked) {
    assertThat(Conclusion.of(all(true, "x", "x"), asked)).isInstanceOf(FormAnew.class);
  }

  @Test
  void shouldWaitAgainWhenItsSlotsAreAnothers() {
    assertThat(Conclusion.of(all(true, "x"), new Asked(false, false, false, true, false)))
        .isInstanceOf(WaitAgain.class);
    assertThat(Conclusion.of(all(true, "x"), new Asked(false, false, true, true, false)))
        .as("an earlier coordinator asked for it")
        .isInstanceOf(WaitAgain.class);
  }

  @Test
  void shouldEndWhenCancelledWhateverElseWasAsked() {
    assertThat(Conclusion.of(all(true, "x"), new Asked(true, true, true, false, true)))
        .isInstanceOf(End.class);
  }

  @Test
  void shouldNotAskServersForAState() {
    assertThat(Conclusion.of(all(false, "x", ""), NOTHING)).isInstanceOf(End.class);
  }

  private static Stream<Asked> every() {
    return IntStream.range(0, 32)
        .mapToObj(
            bits ->
                new Asked(
                    (bits & 1) != 0,
                    (bits & 2) != 0,
                    (bits & 4) != 0,
                    (bits & 8) != 0,
                    (bits & 16) != 0));
  }

  private static List<Finished> all(boolean stopped, String... hashes) {
    return Stream.of(hashes)
        .map(hash -> new Finished(Progress.START, 0, stopped, Map.of(), hash, 0))
        .toList();
  }
}
