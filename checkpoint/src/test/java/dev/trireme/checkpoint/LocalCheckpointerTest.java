package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import ch.qos.logback.classic.Level;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.job.S3Spec;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import dev.trireme.checkpoint.storage.Staging;
import dev.trireme.checkpoint.storage.StoredFile;
import dev.trireme.checkpoint.storage.WriteBoundary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class LocalCheckpointerTest {
  @TempDir Path directory;

  @Test
  void shouldWriteWhatWasCopiedWhileTrainingGoesOn() throws Exception {
    Hold hold = new Hold(WriteBoundary.WRITE_SHARD_DATA);
    try (State state = State.random(1);
        State read = State.zeros();
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), new TestGate(1), hold)) {
      String saved = state.hash();
      checkpointer.save(state.at(1, 100));
      hold.awaitReached();
      state.fill(2);
      hold.release();
      checkpointer.drain(Checkpoints.DEADLINE);

      checkpointer.restore(directory.toString(), read.tensors());
      assertThat(read.hash()).isEqualTo(saved);
    }
  }

  @Test
  void shouldLeaveOutASaveWhileTheOneBeforeWaitsForItsGrant() throws Exception {
    Hold hold = new Hold(WriteBoundary.AWAIT_GRANT);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), new TestGate(1), hold)) {
      assertThat(checkpointer.saveUnlessHeldUp(state.at(1, 100))).isPresent();
      hold.awaitReached();
      assertThat(checkpointer.saveUnlessHeldUp(state.at(1, 200))).isEmpty();
      hold.release();
      checkpointer.drain(Checkpoints.DEADLINE);
      assertThat(checkpointer.saveUnlessHeldUp(state.at(1, 300))).isPresent();
      checkpointer.drain(Checkpoints.DEADLINE);

      assertThat(directory.resolve("step-00000100")).exists();
      assertThat(directory.resolve("step-00000200")).doesNotExist();
      assertThat(directory.resolve("step-00000300")).exists();
    }
  }

  @Test
  void shouldWaitForTheSaveBeforeAndLoseNeither() throws Exception {
    Hold hold = new Hold(WriteBoundary.SYNC_SHARD);
    try (State state = State.random(1);
        State read = State.zeros();
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), new TestGate(1), hold)) {
      String first = state.hash();
      checkpointer.save(state.at(1, 100));
      hold.awaitReached();
      state.fill(2);
      AtomicBoolean saved = new AtomicBoolean();
      Thread trainer =
          new Thread(
              () -> {
                checkpointer.save(state.at(1, 200));
                saved.set(true);
              });
      trainer.start();
      while (trainer.getState() != Thread.State.TIMED_WAITING) {
        assertThat(saved).isFalse();
        Thread.onSpinWait();
      }
      hold.release();
      trainer.join(Checkpoints.DEADLINE.toMillis());
      checkpointer.drain(Checkpoints.DEADLINE);

      assertThat(saved).isTrue();
      checkpointer.restore(directory.resolve("step-00000100").toString(), read.tensors());
      assertThat(read.hash()).isEqualTo(first);
      checkpointer.restore(directory.resolve("step-00000200").toString(), read.tensors());
      assertThat(read.hash()).isEqualTo(state.hash());
    }
  }

  @Test
  void shouldSayWhereAWriteStandsThatMissesTheDeadline() throws Exception {
    Hold hold = new Hold(WriteBoundary.SYNC_SHARD);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), new TestGate(1), hold)) {
      checkpointer.save(state.at(1, 100));
      hold.awaitReached();

      assertThatThrownBy(() -> checkpointer.drain(Duration.ofMillis(1)))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("still at SYNC_SHARD");
      hold.release();
      checkpointer.drain(Checkpoints.DEADLINE);
    }
  }

  @Test
  void shouldGiveUpAWriteWhenClosed() throws Exception {
    TestGate gate = new TestGate(2);
    Hold hold = new Hold(WriteBoundary.AWAIT_GRANT);
    try (State state = State.random(1)) {
      LocalCheckpointer checkpointer =
          LocalCheckpointer.open(Checkpoints.config(directory, 0, 2), gate, hold);
      checkpointer.save(state.at(1, 100));
      hold.awaitReached();
      checkpointer.close();
      checkpointer.close();

      assertThat(Checkpoints.names(directory)).isEmpty();
      assertThat(gate.finished()).hasSize(1);
      assertThatThrownBy(() -> checkpointer.save(state.at(1, 200)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
    }
  }

  @Test
  void shouldEndItsThreadWhenClosed() throws Exception {
    try (State state = State.random(1)) {
      LocalCheckpointer checkpointer =
          LocalCheckpointer.open(
              new CheckpointerConfig(directory, 7, 8, 3, Checkpoints.DEADLINE), new TestGate(8));
      checkpointer.save(state.at(1, 100));
      checkpointer.drain(Checkpoints.DEADLINE);
      Thread writer =
          Thread.getAllStackTraces().keySet().stream()
              .filter(thread -> thread.getName().equals("checkpoint-rank-7"))
              .findFirst()
              .orElseThrow();

      checkpointer.close();

      writer.join(Checkpoints.DEADLINE.toMillis());
      assertThat(writer.isAlive()).isFalse();
    }
  }

  @Test
  void shouldKeepTheNewestWholeOnes() throws Exception {
    CheckpointerConfig config = new CheckpointerConfig(directory, 0, 1, 2, Checkpoints.DEADLINE);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer = LocalCheckpointer.open(config, new TestGate(1))) {
      for (long step = 100; step <= 400; step += 100) {
        checkpointer.save(state.at(1, step));
      }
      checkpointer.drain(Checkpoints.DEADLINE);
      assertThat(Checkpoints.names(directory)).containsExactly("step-00000300", "step-00000400");

      Files.delete(directory.resolve("step-00000400").resolve("manifest.json"));
      checkpointer.save(state.at(1, 500));
      checkpointer.drain(Checkpoints.DEADLINE);
      assertThat(Checkpoints.names(directory))
          .containsExactly("step-00000300", "step-00000400", "step-00000500");
    }
  }

  @Test
  void shouldWarnOfCheckpointsOfAnotherRunAndLeaveThem() {
    try (State state = State.random(1);
        LogCapture log = new LogCapture()) {
      Checkpoints.save(directory, 1, state, 1, 5000);
      Checkpoints.save(directory, 1, state, 1, 100);

      assertThat(log.messages(Level.WARN))
          .singleElement()
          .asString()
          .contains("step-00005000")
          .contains("another run");
    }
    assertThat(Checkpoints.names(directory)).containsExactly("step-00000100", "step-00005000");
  }

  @Test
  void shouldSweepWhatOlderWritersLeft() throws Exception {
    for (String name :
        List.of(
            ".tmp-g1-step-00000900",
            ".tmp-g2-step-00000050",
            ".trash-step-00000010",
            ".tmp-g2-step-00000900",
            ".tmp-notes",
            "keep-me")) {
      Files.createDirectories(directory.resolve(name).resolve("inner"));
    }
    try (State state = State.random(1)) {
      Checkpoints.save(directory, 1, state, 2, 100);
    }
    assertThat(Checkpoints.names(directory))
        .containsExactly(".tmp-g2-step-00000900", ".tmp-notes", "keep-me", "step-00000100");
  }

  @Test
  void shouldNotTakeOverShardsThatAnotherWriterLeftUnderTheSameName() throws Exception {
    Path staged = Files.createDirectories(directory.resolve(".tmp-g1-step-00000100"));
    Files.writeString(staged.resolve("rank-00007.safetensors"), "stale");
    Files.writeString(staged.resolve("rank-00000.safetensors"), "stale".repeat(10_000));
    try (State state = State.random(1)) {
      Checkpoints.save(directory, 1, state, 1, 100);
    }
    assertThat(Checkpoints.names(directory.resolve("step-00000100")))
        .containsExactly("manifest.json", "rank-00000.safetensors");
  }

  /** A storage with so much room. */
  private record Cramped(CheckpointStorage inner, long room) implements CheckpointStorage {
    @Override
    public String location() {
      return inner.location();
    }

    @Override
    public String locate(String checkpoint) {
      return inner.locate(checkpoint);
    }

    @Override
    public Contents contents() throws IOException {
      return inner.contents();
    }

    @Override
    public void prepare() throws IOException {
      inner.prepare();
    }

    @Override
    public StoredFile openManifest(String checkpoint) throws IOException {
      return inner.openManifest(checkpoint);
    }

    @Override
    public StoredFile openShard(String checkpoint, long generation, String file)
        throws IOException {
      return inner.openShard(checkpoint, generation, file);
    }

    @Override
    public OptionalLong usableBytes() {
      return OptionalLong.of(room);
    }

    @Override
    public Staging stage(WriteId id) {
      return inner.stage(id);
    }

    @Override
    public void delete(String checkpoint) throws IOException {
      inner.delete(checkpoint);
    }

    @Override
    public void deleteTrash(String trash) throws IOException {
      inner.deleteTrash(trash);
    }
  }

  @Test
  void shouldSaveAfterItsMemoryWasMadeReady() {
    try (State state = State.random(1);
        State read = State.zeros();
        LocalCheckpointer checkpointer = Checkpoints.single(directory)) {
      checkpointer.prepare(state.tensors());
      checkpointer.save(state.at(1, 100));
      checkpointer.drain(Checkpoints.DEADLINE);

      checkpointer.restore(directory.toString(), read.tensors());
      assertThat(read.hash()).isEqualTo(state.hash());
    }
  }

  @Test
  void shouldFailASaveThatBreaksTheLimitOfSizeAndSayTheSetting() {
    CheckpointerConfig config =
        new CheckpointerConfig(
            directory.toString(),
            S3Spec.DEFAULT,
            0,
            1,
            new Retention(3, OptionalLong.empty(), OptionalLong.of(100)),
            Lineage.UNKNOWN,
            Checkpoints.DEADLINE);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer = LocalCheckpointer.open(config, new TestGate(1))) {
      checkpointer.save(state.at(1, 100));

      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("checkpoint.maxSize, which is 100");
    }
    assertThat(Checkpoints.names(directory)).isEmpty();
  }

  @Test
  void shouldSayHowMuchRoomIsMissing() {
    CheckpointStorage storage = new Cramped(new FileSystemStorage(directory), 1234);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(
                Checkpoints.config(directory, 0, 1), new TestGate(1), WriteProbe.NONE, storage)) {
      long data = state.tensors().stream().mapToLong(t -> t.data().byteCount()).sum();
      checkpointer.save(state.at(1, 100));

      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("needs " + (data + (4 << 20)) + " bytes, 1234 are free");
    }
    assertThat(Checkpoints.names(directory)).isEmpty();
  }

  /** Each rank alone would find enough, and together they would fill the disk. */
  @Test
  void shouldLookForRoomForTheShardsOfAllRanks() {
    try (State state = State.random(1)) {
      long data = state.tensors().stream().mapToLong(t -> t.data().byteCount()).sum();
      long room = data + (4 << 20) - 1;
      CheckpointStorage storage = new Cramped(new FileSystemStorage(directory), room);
      try (LocalCheckpointer checkpointer =
          LocalCheckpointer.open(
              Checkpoints.config(directory, 0, 4), new TestGate(1), WriteProbe.NONE, storage)) {
        checkpointer.save(state.at(1, 100));

        assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
            .isInstanceOf(CheckpointException.class)
            .hasMessageContaining("all 4 ranks need " + (room + 1) + " bytes more")
            .hasMessageContaining(room + " are free");
      }
    }
    assertThat(Checkpoints.names(directory)).isEmpty();
  }

  /** What others have written is not free any more, and not needed either. */
  @Test
  void shouldCountWhatOtherRanksHaveWritten() throws Exception {
    try (State state = State.random(1)) {
      long data = state.tensors().stream().mapToLong(t -> t.data().byteCount()).sum();
      TestGate gate = new TestGate(2);
      try (LocalCheckpointer other =
          LocalCheckpointer.open(Checkpoints.config(directory, 1, 2), gate)) {
        other.save(state.at(1, 100));
        other.drain(Checkpoints.DEADLINE);
        CheckpointStorage storage =
            new Cramped(new FileSystemStorage(directory), data + (4 << 20) - 1);
        try (LocalCheckpointer first =
            LocalCheckpointer.open(
                Checkpoints.config(directory, 0, 2), gate, WriteProbe.NONE, storage)) {
          first.save(state.at(1, 100));
          first.drain(Checkpoints.DEADLINE);
        }
      }
    }
    assertThat(Checkpoints.names(directory)).containsExactly("step-00000100");
  }

  @Test
  void shouldRefuseAPlaceThatIsAFile() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "");
    assertThatThrownBy(
            () -> LocalCheckpointer.open(Checkpoints.config(file, 0, 1), new TestGate(1)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("not a directory");
    assertThatThrownBy(
            () ->
                LocalCheckpointer.open(
                    Checkpoints.config(file.resolve("below"), 0, 1), new TestGate(1)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(file.toString());
  }

  @Test
  void shouldRefuseAPlaceThatItMayNotWriteTo() throws Exception {
    Path closed = Files.createDirectory(directory.resolve("closed"));
    assumeThat(closed.toFile().setWritable(false) && !Files.isWritable(closed))
        .as("this user may write anywhere")
        .isTrue();
    for (Path place : List.of(closed, closed.resolve("below"))) {
      assertThatThrownBy(
              () -> LocalCheckpointer.open(Checkpoints.config(place, 0, 1), new TestGate(1)))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(closed.toString());
    }
  }
}
