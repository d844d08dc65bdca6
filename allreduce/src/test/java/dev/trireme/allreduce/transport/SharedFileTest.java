package dev.trireme.allreduce.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.trireme.api.tensor.NativeMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedFileTest {
  @TempDir Path directory;

  @Test
  void shouldBeTheSameMemoryForBothEvenWithoutItsName() {
    Path path = directory.resolve("memory");
    try (SharedFile made = SharedFile.create(path, 1, 10_000, () -> {});
        SharedFile opened = SharedFile.open(path, 1, 10_000, () -> {})) {
      made.unlink();
      assertThat(directory).isEmptyDirectory();
      assertThat(made.address() % 4096).isZero();
      NativeMemory.view(made.address(), 10_000).putLong(9_992, 42);
      assertThat(NativeMemory.view(opened.address(), 10_000).getLong(9_992)).isEqualTo(42);
    }
  }

  @Test
  void shouldBeReadableToItsOwnerOnly() throws IOException {
    Path path = directory.resolve("memory");
    try (SharedFile made = SharedFile.create(path, 1, 1, () -> {})) {
      assertThat(made.address()).isNotZero();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rw-------");
    }
  }

  @Test
  void shouldBeDeletedWhenClosedWithItsName() {
    SharedFile.create(directory.resolve("memory"), 1, 0, () -> {}).close();
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void shouldRefuseTheFileOfAnotherFormation() {
    Path path = directory.resolve("memory");
    try (SharedFile made = SharedFile.create(path, 1, 100, () -> {})) {
      assertThat(made.address()).isNotZero();
      assertThatThrownBy(() -> SharedFile.open(path, 2, 100, () -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("is not the shared memory");
      assertThatThrownBy(() -> SharedFile.open(path, 1, 101, () -> {}))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void shouldNotTakeOverAFileThatIsThereAlready() {
    Path path = directory.resolve("memory");
    try (SharedFile made = SharedFile.create(path, 1, 100, () -> {})) {
      assertThat(made.address()).isNotZero();
      assertThatThrownBy(() -> SharedFile.create(path, 1, 100, () -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining(path.toString());
      assertThat(path).exists();
    }
  }

  @Test
  void shouldSayHowMuchRoomThereIs() {
    long free = directory.toFile().getUsableSpace();
    assumeTrue(
        free < SharedFile.MAX_BYTES, "the temporary file system has room for the largest file");
    assertThatThrownBy(
            () -> SharedFile.create(directory.resolve("memory"), 1, SharedFile.MAX_BYTES, () -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("bytes are free");
  }

  @Test
  void shouldRefuseMoreThanCanBeMapped() {
    assertThatThrownBy(() -> SharedFile.create(directory.resolve("memory"), 1, 1L << 40, () -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(String.valueOf(1L << 40))
        .hasMessageContaining("parallel.bucketSize");
    assertThat(directory).isEmptyDirectory();
  }
}
