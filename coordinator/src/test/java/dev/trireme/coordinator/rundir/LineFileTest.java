package dev.trireme.coordinator.rundir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LineFileTest {
  @TempDir Path directory;
  private final FullDisk disk = new FullDisk();

  @Test
  void shouldLeaveNothingOfALineThatADiskHadNoRoomFor() throws IOException {
    Path file = directory.resolve("events.jsonl");
    try (LineFile lines = new LineFile(file, disk)) {
      lines.append("{\"a\":1}");
      disk.full(true);
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> lines.append("{\"b\":2}"))
            .isInstanceOf(IOException.class)
            .hasMessageContaining("No space");
        assertThat(file).hasContent("{\"a\":1}\n");
      }
      disk.full(false);
      lines.append("{\"c\":3}");
      assertThat(Files.readString(file)).isEqualTo("{\"a\":1}\n{\"c\":3}\n");
    }
  }

  @Test
  void shouldCutOffWhatAStoppedMachineHasLeftOfALine() throws IOException {
    Path file = Files.writeString(directory.resolve("events.jsonl"), "{}\n{\"to");
    try (LineFile lines = new LineFile(file)) {
      lines.append("{\"c\":3}");
    }
    assertThat(Files.readString(file)).isEqualTo("{}\n{\"c\":3}\n");
  }

  /** Byte by byte through a file of a terabyte nobody else would get a turn. */
  @Test
  void shouldNotSearchAFileThatIsNoneOfOursForItsLastLine() throws IOException {
    Path file = directory.resolve("events.jsonl");
    try (RandomAccessFile holes = new RandomAccessFile(file.toFile(), "rw")) {
      holes.setLength(1L << 40);
    }
    assertThatThrownBy(() -> new LineFile(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("expected lines of at most 1048576 bytes");
    assertThat(Files.size(file)).isEqualTo(1L << 40);
  }
}
