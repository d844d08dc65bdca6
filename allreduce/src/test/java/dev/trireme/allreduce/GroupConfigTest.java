package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GroupConfigTest {
  private static GroupConfig config(int rank, int worldSize, int streams, long timeoutMs) {
    Path path = Path.of("shared");
    return new GroupConfig(
        rank, worldSize, 1, path, path, 1, streams, 4711_0815L, Duration.ofMillis(timeoutMs));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, 99, 1, worldSize is 0",
    "0, 65, 9999, 1, worldSize is 65",
    "2, 2, 99, 1, rank is 2",
    "-1, 2, 99, 1, rank is -1",
    "0, 3, 5, 1, 3 ranks need 6 Aeron stream ids",
    "0, 2, 9, 0, timeout is PT0S"
  })
  void shouldRefuseWhatCannotBeMeant(
      int rank, int worldSize, int streams, long timeoutMs, String message) {
    assertThatThrownBy(() -> config(rank, worldSize, streams, timeoutMs))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void shouldKeepTheFormationOutOfLogs() {
    assertThat(config(0, 2, 2, 1).toString()).contains("rank 0 of 2").doesNotContain("47110815");
  }
}
