package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RankLogTest {
  @TempDir Path directory;
  private final RankLog log = new RankLog();

  private Path file() {
    return directory.resolve("logs/rank-0.log");
  }

  private void pumpAll(String text) throws Exception {
    log.pump(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), "test-pump");
    log.ended().get(10, TimeUnit.SECONDS);
  }

  @Test
  void shouldWriteLinesAsTheyCome() throws Exception {
    log.assign(file());
    pumpAll("one\r\ntwo\n\nüber\nwithout an end");
    assertThat(Files.readAllLines(file()))
        .containsExactly("one", "two", "", "über", "without an end");
    assertThat(log.lastLines()).endsWith("über", "without an end");
  }

  @Test
  void shouldKeepEarlyLinesForTheFile() throws Exception {
    pumpAll("one\ntwo\n");
    log.assign(file());
    assertThat(Files.readAllLines(file())).containsExactly("one", "two");
  }

  @Test
  void shouldKeepTheNewestEarlyLinesAndSayHowManyItDropped() throws Exception {
    pumpAll(IntStream.range(0, 1200).mapToObj(i -> "line " + i).collect(Collectors.joining("\n")));
    log.assign(file());
    assertThat(Files.readAllLines(file()))
        .hasSize(1001)
        .startsWith("200 earlier lines were dropped", "line 200")
        .endsWith("line 1199");
  }

  @Test
  void shouldCutEndlessLines() throws Exception {
    log.assign(file());
    pumpAll("x".repeat(20_000));
    assertThat(Files.readAllLines(file())).hasSize(3).allMatch(l -> l.length() <= 8192);
    assertThat(log.lastLines()).allMatch(l -> l.length() <= 500);
  }

  @Test
  void shouldAppendToTheLogOfTheRankBefore() throws Exception {
    Files.createDirectories(file().getParent());
    Files.writeString(file(), "the rank before\n");
    log.assign(file());
    pumpAll("this one\n");
    assertThat(Files.readAllLines(file())).containsExactly("the rank before", "this one");
  }

  @Test
  void shouldBeginANewFileWhenOneIsFull() throws Exception {
    log.assign(file());
    log.pump(lines(RankLog.MAX_FILE_BYTES + 1_000_000), "test-pump");
    log.ended().get(60, TimeUnit.SECONDS);
    assertThat(Files.size(file().resolveSibling("rank-0.log.1")))
        .isBetween(RankLog.MAX_FILE_BYTES, RankLog.MAX_FILE_BYTES + 8192);
    assertThat(Files.size(file())).isBetween(1L, 2_000_000L);
  }

  @Test
  void shouldGoOnTakingLinesWhenTheFileCannotBeMade() throws Exception {
    Files.writeString(directory.resolve("logs"), "a file where the directory should be");
    assertThatThrownBy(() -> log.assign(file())).isInstanceOf(IOException.class);
    pumpAll("one\ntwo\n");
    assertThat(log.lastLines()).containsExactly("one", "two");
  }

  @Test
  void shouldFlushWhatHasCome() throws Exception {
    log.assign(file());
    try (PipedOutputStream process = new PipedOutputStream()) {
      log.pump(new PipedInputStream(process), "test-pump");
      process.write("first\n".getBytes(StandardCharsets.UTF_8));
      process.flush();
      assertTimeoutPreemptively(
          Duration.ofSeconds(10),
          () -> {
            while (Files.size(file()) == 0) {
              Thread.onSpinWait();
            }
          });
    }
    log.ended().get(10, TimeUnit.SECONDS);
  }

  private static InputStream lines(long bytes) {
    return new InputStream() {
      private long left = bytes;

      @Override
      public int read() {
        return --left < 0 ? -1 : left % 64 == 0 ? '\n' : 'x';
      }
    };
  }
}
