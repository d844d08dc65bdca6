package dev.trireme.launcher.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.LocalDateTime;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoriesTest {
  private static final LocalDateTime NOW = LocalDateTime.of(2026, 1, 2, 3, 4, 5);

  @TempDir Path directory;

  private Path create(Path asked) throws RunDirectories.UnusableException {
    return RunDirectories.create(Optional.of(asked), "job", NOW);
  }

  private void assertRefused(Path asked, String... told) {
    assertThatThrownBy(() -> create(asked))
        .isInstanceOf(RunDirectories.UnusableException.class)
        .hasMessageStartingWith("--run-dir: ")
        .hasMessageContainingAll(told)
        .message()
        .doesNotContain("Exception");
  }

  @Test
  void shouldMakeWhatIsNotThereYet() throws Exception {
    Path made = create(directory.resolve("a/./b"));
    assertThat(made).isEqualTo(directory.resolve("a/b")).isEmptyDirectory();
    assertThat(create(made)).isEqualTo(made);
  }

  @Test
  void shouldLookAtTheDirectoryThatItWritesTo() throws Exception {
    Files.createFile(Files.createDirectory(directory.resolve("etc")).resolve("passwd"));
    Path detour = directory.resolve("nothing/../etc");
    assertRefused(detour, "'" + directory.resolve("etc") + "' is not empty");
    assertThat(directory.resolve("nothing")).doesNotExist();
  }

  @Test
  void shouldNotTakeTheWorkingDirectoryForAnEmptyName() {
    assertRefused(Path.of(""), "an empty name");
  }

  @Test
  void shouldNameAFileThatIsInTheWay() throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    assertRefused(file, "'" + file + "' is a file; name a directory");
    assertRefused(file.resolve("a/b"), "'" + file + "' is a file, and nothing can be made below");
  }

  @Test
  void shouldRefuseWhatThisUserCannotWriteTo() throws Exception {
    Path closed = Files.createDirectory(directory.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-xr-xr-x"));
    assumeFalse(Files.isWritable(closed), "the superuser may write anywhere");
    assertRefused(closed, "may not write to '" + closed + "'");
    assertRefused(closed.resolve("a"), "may not write to '" + closed + "'");
  }
}
