package dev.trireme.coordinator.rundir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.SampleRange;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Sets of 10 items, in batches of 4: an epoch is the steps of 4, 4 and 2 items. */
class SampleAuditTest {
  @TempDir Path directory;
  private SampleLog log;

  @BeforeEach
  void open() {
    log = new SampleLog(directory.resolve(SampleLog.FILE));
  }

  private void start(long generation, long step) throws IOException {
    Cursor cursor = new Cursor((int) (step / 3), step % 3 * 4);
    log.started(generation, new RankReport.Ready(new Progress(step, cursor), "", 9, 3, 3, 1));
  }

  /** Steps of one epoch or of several. */
  private void train(long generation, long first, long last) throws IOException {
    for (long step = first; step <= last; step++) {
      Cursor from = new Cursor((int) ((step - 1) / 3), (step - 1) % 3 * 4);
      int size = (int) Math.min(4, 10 - from.position());
      told(new SampleRange(generation, step, step, from, size, size));
    }
  }

  private void told(SampleRange range) throws IOException {
    log.append(new RankReport.Samples(10, List.of(range)));
  }

  private SampleAudit audit() {
    return SampleAudit.of(directory);
  }

  @Test
  void shouldCountEachItemOfFinishedEpochsOnce() throws IOException {
    start(1, 0);
    train(1, 1, 4);
    assertThat(audit())
        .isEqualTo(
            new SampleAudit(
                List.of(
                    new SampleAudit.Epoch(0, 10, true, 0, 10, 0, 0),
                    new SampleAudit.Epoch(1, 10, false, 6, 4, 0, 0)),
                1,
                4,
                0,
                0,
                false));
    assertThat(audit().sound()).isTrue();
  }

  @Test
  void shouldLeaveOutWhatALaterGenerationDidAgain() throws IOException {
    start(1, 0);
    told(new SampleRange(1, 1, 3, new Cursor(0, 0), 4, 10));
    train(1, 4, 5);
    start(2, 2);
    train(2, 3, 6);
    SampleAudit audit = audit();
    assertThat(audit.sound()).isTrue();
    assertThat(audit.superseded()).isEqualTo(3);
    assertThat(audit.steps()).isEqualTo(6);
    assertThat(audit.epochs()).extracting(SampleAudit.Epoch::once).containsExactly(10L, 10L);
  }

  @Test
  void shouldTakeWhatASurvivorSaysAfterItsGenerationHasEnded() throws IOException {
    start(1, 0);
    train(1, 1, 1);
    start(2, 3);
    told(new SampleRange(1, 1, 3, new Cursor(0, 0), 4, 10));
    train(2, 4, 6);
    assertThat(audit().sound()).isTrue();
    assertThat(audit().missing()).isZero();
  }

  @Test
  void shouldProveNothingFromNothing() throws IOException {
    Files.createFile(directory.resolve(SampleLog.FILE));
    assertThat(audit().sound()).isFalse();
    start(1, 0);
    assertThat(audit().steps()).isZero();
    assertThat(audit().sound()).isFalse();
  }

  @Test
  @Timeout(20)
  void shouldRefuseARecordThatSkipsEpochsWithoutEnd() throws IOException {
    start(1, 0);
    train(1, 1, 1);
    told(new SampleRange(1, 2, 2, new Cursor(2_000_000_000, 0), 4, 4));
    assertThatThrownBy(this::audit)
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("epoch 2000000000 where 1 is due");
  }

  @Test
  @Timeout(20)
  void shouldRefuseALineWithoutEndAndShowNoControlCharacter() throws IOException {
    Path file = directory.resolve(SampleLog.FILE);
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(3L << 30);
    }
    assertThatThrownBy(this::audit)
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("line 1: the record is damaged");
    Files.writeString(file, "\u001b[2J\n");
    assertThatThrownBy(this::audit).hasMessageEndingWith("found: ?[2J");
  }

  @Test
  void shouldReportLostItemsAndItemsTrainedTwice() throws IOException {
    start(1, 0);
    train(1, 1, 1);
    train(1, 3, 3);
    told(new SampleRange(1, 4, 4, new Cursor(1, 0), 4, 4));
    told(new SampleRange(1, 5, 6, new Cursor(1, 2), 4, 8));
    SampleAudit audit = audit();
    assertThat(audit.sound()).isFalse();
    assertThat(audit.missing()).isEqualTo(1);
    assertThat(audit.epochs())
        .containsExactly(
            new SampleAudit.Epoch(0, 10, true, 4, 6, 0, 0),
            new SampleAudit.Epoch(1, 10, true, 0, 8, 2, 0));
  }

  @Test
  void shouldTakeWhatAnotherRunHadTrainedAsInherited() throws IOException {
    start(1, 4);
    train(1, 5, 6);
    assertThat(audit().sound()).isTrue();
    assertThat(audit().epochs()).containsExactly(new SampleAudit.Epoch(1, 10, true, 0, 10, 0, 4));
  }

  @Test
  void shouldNoticeStepsBetweenTwoGenerationsThatNobodyHasRecorded() throws IOException {
    start(1, 0);
    train(1, 1, 2);
    start(2, 4);
    train(2, 5, 6);
    assertThat(audit().missing()).isEqualTo(2);
    assertThat(audit().sound()).isFalse();
  }

  @Test
  void shouldLeaveOutATornLineAndWriteOverIt() throws IOException {
    start(1, 0);
    train(1, 1, 2);
    log.close();
    Path file = directory.resolve(SampleLog.FILE);
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, java.util.Arrays.copyOf(whole, whole.length - 7));
    assertThat(audit().torn()).isTrue();
    assertThat(audit().steps()).isEqualTo(1);
    open();
    start(2, 1);
    train(2, 2, 3);
    assertThat(audit().torn()).isFalse();
    assertThat(audit().sound()).isTrue();
  }

  @Test
  void shouldRefuseADamagedRecordAndSayWhere() throws IOException {
    assertThatThrownBy(this::audit).hasMessageContaining("expected the record of a run's samples");
    start(1, 0);
    train(1, 1, 2);
    log.close();
    Path file = directory.resolve(SampleLog.FILE);
    String whole = Files.readString(file);
    for (String damaged :
        List.of(
            whole.replace("\"lastStep\":1", "\"lastStep\":9"),
            whole.replace("\"lastStep\":1", "\"lastStep\":x"),
            whole.replace("\"items\":10", "\"items\":3"),
            whole.replace("\"samples\"", "\"simples\""),
            whole.substring(whole.indexOf('\n') + 1))) {
      Files.writeString(file, damaged);
      assertThatThrownBy(this::audit)
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("damaged")
          .hasMessageContaining("line ");
    }
  }

  /** Two processes tell of them, each in its own time. */
  @Test
  void shouldTakeWhatASurvivorTellsAfterTheNextGenerationHasBegun() throws IOException {
    start(1, 0);
    train(1, 1, 3);
    start(2, 4);
    train(2, 5, 6);
    assertThat(audit().missing()).isEqualTo(1);
    told(new SampleRange(1, 4, 4, new Cursor(1, 0), 4, 4));
    assertThat(audit().missing()).isZero();
    assertThat(audit().sound()).isTrue();
    List<String> lines = Files.readAllLines(directory.resolve(SampleLog.FILE));
    told(new SampleRange(1, 4, 4, new Cursor(1, 0), 4, 4));
    assertThat(Files.readAllLines(directory.resolve(SampleLog.FILE))).isEqualTo(lines);
  }
}
