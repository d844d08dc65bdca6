package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RankExitsTest {
  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      delimiter = '|',
      value = {
        "0   | exit code 0",
        "1   | exit code 1",
        "3   | out of memory (exit code 3)",
        "70  | could not read its bootstrap (exit code 70)",
        "71  | ended itself, its agent gone (exit code 71)",
        "72  | ended itself, the channel to its agent lost (exit code 72)",
        "134 | killed by SIGABRT (a crash in native code)",
        "137 | killed by SIGKILL (by somebody, or by the kernel when memory ran out)",
        "139 | killed by SIGSEGV (a crash in native code)",
        "143 | killed by SIGTERM",
        "160 | killed by signal 32"
      })
  void shouldDescribe(int code, String description) {
    assertThat(RankExits.describe(code)).isEqualTo(description);
  }

  @Test
  void shouldKeepTheLastTwentyLinesCutToALength() {
    LogTail tail = new LogTail();
    IntStream.range(0, 100).forEach(i -> tail.add("line " + i));
    tail.add("x".repeat(1000));
    List<String> lines = tail.lines();
    assertThat(lines).hasSize(20).startsWith("line 81").contains("line 99");
    assertThat(lines.get(19)).hasSize(500);
  }

  @Test
  void shouldKeepTheBeginningOfACrashReport() {
    LogTail tail = new LogTail();
    tail.add("training");
    tail.add("# A fatal error has been detected by the Java Runtime Environment:");
    tail.add("#  SIGSEGV (0xb)");
    IntStream.range(0, 500).forEach(i -> tail.add("Dynamic libraries: " + i));
    assertThat(tail.lines())
        .hasSize(20)
        .startsWith(
            "# A fatal error has been detected by the Java Runtime Environment:",
            "#  SIGSEGV (0xb)");
  }
}
