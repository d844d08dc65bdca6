package dev.trireme.coordinator.rundir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.SampleRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A set of 12 items in batches of 4. */
class SampleLogTest {
  @TempDir Path directory;
  private final FullDisk disk = new FullDisk();
  private Path file;
  private SampleLog log;

  @BeforeEach
  void open() {
    file = directory.resolve(SampleLog.FILE);
    log = new SampleLog(file, disk);
  }

  private void start(long generation) throws IOException {
    log.started(generation, new RankReport.Ready(Progress.START, "", 9, 3, 3, 1));
  }

  private void train(long generation, long step) throws IOException {
    SampleRange range =
        new SampleRange(generation, step, step, new Cursor(0, (step - 1) * 4), 4, 4);
    log.append(new RankReport.Samples(12, List.of(range)));
  }

  private SampleAudit audit() {
    return SampleAudit.of(directory);
  }

  @Test
  void shouldWriteWhatAFullDiskDidNotTakeAheadOfTheNext() throws IOException {
    start(1);
    train(1, 1);
    disk.full(true);
    assertThatThrownBy(() -> train(1, 2)).isInstanceOf(IOException.class);
    assertThat(audit().torn()).isFalse();
    assertThat(audit().steps()).isEqualTo(1);
    assertThatThrownBy(log::catchUp).isInstanceOf(IOException.class);

    disk.full(false);
    train(1, 3);
    log.catchUp();

    assertThat(audit().sound()).isTrue();
    assertThat(audit().steps()).isEqualTo(3);
    assertThat(Files.readAllLines(file)).hasSize(4);
  }

  @Test
  void shouldWriteTheBeginningOfAGenerationThatAFullDiskDidNotTake() throws IOException {
    disk.full(true);
    assertThatThrownBy(() -> start(1)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> start(1)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> train(1, 1)).isInstanceOf(IOException.class);

    disk.full(false);
    log.catchUp();
    train(1, 2);
    train(1, 3);

    assertThat(audit().sound()).isTrue();
    assertThat(audit().generations()).isEqualTo(1);
    assertThat(Files.readAllLines(file)).hasSize(4);
  }

  @Test
  void shouldPassOverLinesThatAUserHasWritten() throws IOException {
    Files.writeString(
        file,
        """
        {"generation":"x","lastStep":"y"}
        {"generation":99999999999999999999999999,"restoredFrom":""}
        {"generation":1,"lastStep":1.5}
        """);
    start(1);
    train(1, 1);
    assertThat(Files.readAllLines(file)).hasSize(5);
  }
}
