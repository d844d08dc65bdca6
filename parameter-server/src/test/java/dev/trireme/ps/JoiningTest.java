package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JoiningTest {
  /** Workers meet after every tenth step. */
  @ParameterizedTest
  @CsvSource({
    // Whoever has come to where they meet does that step again, for the others are still to come.
    "9 10 7, 9 10 7, 9 9 7",
    "10 3, 10 3, 9 3",
    // All have met there, and some are further on.
    "10 12 10, 10 12 10, 10 12 10",
    "11 14, 11 14, 11 14",
    "3 3, 3 3, 3 3",
    "10 10, 10 10, 10 10",
    // So they have where one has no part in the steps up to there.
    "11 9, 11 10, 11 10",
    "17 7, 17 14, 17 10",
    "10 8, 10 10, 10 10",
    // It has none in the next steps, but what all meet for was before.
    "10 3, 10 6, 9 3",
    "14 11, 14 13, 14 11"
  })
  void shouldHaveAllComeTogetherWhereTheyMeet(String pushes, String clocks, String aligned) {
    assertThat(Joining.aligned(steps(pushes), steps(clocks), step -> step % 10 == 0))
        .isEqualTo(steps(aligned));
  }

  private static List<Long> steps(String words) {
    return Arrays.stream(words.split(" ")).map(Long::valueOf).toList();
  }
}
