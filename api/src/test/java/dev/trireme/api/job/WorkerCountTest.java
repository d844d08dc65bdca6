package dev.trireme.api.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerCountTest {
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1",
    "4096, 4096, 4096, 4096",
    "1:4, 1, 4, 1:4",
    "3:3, 3, 3, 3",
    "' 2 : 8 ', 2, 8, 2:8",
  })
  void shouldReadWhatIsWritten(String text, int min, int max, String written) {
    WorkerCount count = WorkerCount.parse(text);

    assertThat(count).isEqualTo(new WorkerCount(min, max));
    assertThat(count).hasToString(written);
    assertThat(WorkerCount.parse(count.toString())).isEqualTo(count);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        ":",
        "1:",
        ":4",
        "1:2:3",
        "two",
        "1.5",
        "0",
        "-1",
        "4097",
        "0:4",
        "4:1",
        "1:4097",
        "99999999999",
        "1-4"
      })
  void shouldRefuseWhatIsNoNumberOfRanks(String text) {
    assertThatThrownBy(() -> WorkerCount.parse(text))
        .isInstanceOf(SpecException.class)
        .hasMessageContainingAll("1 to 4096", "min:max", "found '" + text + "'");
  }
}
