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
    "9 10 7, 9 9 7",
    "10 3, 9 3",
    // All have met there, and some are further on.
    "10 12 10, 10 12 10",
    "10 10, 10 10",
    "11 14, 11 14",
    "3 3, 3 3"
  })
  void shouldHaveAllComeTogetherWhereTheyMeet(String resume, String aligned) {
    assertThat(Joining.aligned(steps(resume), step -> step % 10 == 0)).isEqualTo(steps(aligned));
  }

  private static List<Long> steps(String words) {
    return Arrays.stream(words.split(" ")).map(Long::valueOf).toList();
  }
}
