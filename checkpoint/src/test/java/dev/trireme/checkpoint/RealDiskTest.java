package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.checkpoint.storage.WriteBoundary;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file system that is really full, and one that is really read-only: a small one in memory. */
class RealDiskTest {
  @TempDir Path directory;

  private Path disk;
  private boolean mounted;

  @BeforeEach
  void mount() throws Exception {
    disk = Files.createDirectory(directory.resolve("disk"));
    mounted = succeeds("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.toString());
    assumeTrue(mounted, "this user may not mount a file system of 8 MiB: skipped");
  }

  @AfterEach
  void unmount() throws Exception {
    if (mounted) {
      assertThat(succeeds("umount", disk.toString())).isTrue();
    }
  }

  private static boolean succeeds(String... command) throws Exception {
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** Takes what space there is. */
  private void fill() throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            disk.resolve("filler"), StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
      for (int size = 1 << 16; size > 0; size /= 2) {
        try {
          while (channel.write(ByteBuffer.allocate(size)) > 0) {
            // Until there is no room for so much.
          }
        } catch (IOException full) {
          // Nor is there; smaller.
        }
      }
    }
  }

  @Test
  void shouldSurviveADiskThatFillsUpWhileItWrites() throws Exception {
    Path checkpoints = disk.resolve("checkpoints");
    WriteProbe filling =
        at -> {
          if (at == WriteBoundary.WRITE_SHARD_DATA && !Files.exists(disk.resolve("filler"))) {
            fill();
          }
        };
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      Checkpoints.save(checkpoints, 1, first, 1, 100);
      TestGate gate = new TestGate(1);
      try (LocalCheckpointer checkpointer =
          LocalCheckpointer.open(Checkpoints.config(checkpoints, 0, 1), gate, filling)) {
        checkpointer.save(second.at(1, 200));
        assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
            .isInstanceOf(CheckpointException.class)
            .hasMessageContaining("no space left for " + checkpoints)
            .hasMessageContaining("lower checkpoint.keep");
        assertThat(Checkpoints.names(checkpoints)).containsExactly("step-00000100");
        checkpointer.restore(checkpoints.toString(), read.tensors());
        assertThat(read.hash()).isEqualTo(first.hash());

        checkpointer.save(second.at(1, 300));
        assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
            .hasMessageContaining("no space for a checkpoint in " + checkpoints);

        Files.delete(disk.resolve("filler"));
        Files.createFile(disk.resolve("filler"));
        checkpointer.save(second.at(1, 400));
        checkpointer.drain(Checkpoints.DEADLINE);
      }
      assertThat(Checkpoints.names(checkpoints)).containsExactly("step-00000100", "step-00000400");
      assertThat(gate.finished()).hasSize(3);
    }
  }

  @Test
  void shouldSayThatAFileSystemIsReadOnly() throws Exception {
    Path checkpoints = disk.resolve("checkpoints");
    try (State state = State.random(1);
        State read = State.zeros()) {
      Checkpoints.save(checkpoints, 1, state, 1, 100);
      try (LocalCheckpointer checkpointer = Checkpoints.single(checkpoints)) {
        assertThat(succeeds("mount", "-o", "remount,ro", disk.toString())).isTrue();
        checkpointer.save(state.at(1, 200));
        assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
            .isInstanceOf(CheckpointException.class)
            .hasMessageContaining("is on a read-only file system; choose another place");
        checkpointer.restore(checkpoints.toString(), read.tensors());
      }
      assertThat(read.hash()).isEqualTo(state.hash());
      for (Path place : List.of(checkpoints, disk.resolve("new"))) {
        assertThatThrownBy(() -> Checkpoints.single(place))
            .isInstanceOf(CheckpointException.class)
            .hasMessageContaining(disk.toString())
            .hasMessageContaining("read-only");
      }
    }
  }
}
