package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AgentDirectoryTest {
  @TempDir Path base;
  @TempDir Path elsewhere;

  private AgentDirectory create() {
    return AgentDirectory.create(Optional.of(base));
  }

  private Path dead(String name) throws Exception {
    Path directory = Files.createDirectory(base.resolve("trireme-agent-" + name));
    Files.createDirectories(directory.resolve("aeron/publications"));
    Files.writeString(directory.resolve("aeron/publications/1.logbuffer"), "log");
    return directory;
  }

  @Test
  void shouldLetNobodyElseIn() {
    try (AgentDirectory directory = create()) {
      Path root = directory.noLibraries().getParent();
      assertThat(root.getParent()).isEqualTo(base);
      assertThat(PosixFilePermissions.toString(permissions(root))).isEqualTo("rwx------");
      assertThat(directory.noLibraries()).isEmptyDirectory();
      assertThat(directory.aeron()).doesNotExist();
    }
    assertThat(base).isEmptyDirectory();
  }

  private static Set<PosixFilePermission> permissions(Path path) {
    try {
      return Files.getPosixFilePermissions(path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void shouldSweepWhatADeadAgentLeft() throws Exception {
    Path dead = dead("1-dead");
    Files.createFile(dead.resolve("lock"));
    create().close();
    assertThat(dead).doesNotExist();
  }

  @Test
  void shouldSweepADirectoryWithoutALockOnlyWhenItIsOld() throws Exception {
    Path young = dead("1-young");
    Path old = dead("2-old");
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(1))));
    create().close();
    assertThat(young).exists();
    assertThat(old).doesNotExist();
  }

  @Test
  void shouldFollowNoLinks() throws Exception {
    Path precious = Files.writeString(elsewhere.resolve("precious"), "data");
    Path dead = dead("1-dead");
    Files.createFile(dead.resolve("lock"));
    Files.createSymbolicLink(dead.resolve("link"), elsewhere);
    Path linked = base.resolve("trireme-agent-3-link");
    Files.createSymbolicLink(linked, elsewhere);
    create().close();
    assertThat(dead).doesNotExist();
    assertThat(precious).exists();
  }

  @Test
  void shouldLeaveOtherThingsAlone() throws Exception {
    Path other = Files.createDirectory(base.resolve("aeron-somebody"));
    create().close();
    assertThat(other).exists();
  }

  @Test
  void shouldSayWhereItCannotBeMade() throws Exception {
    Path file = Files.createFile(base.resolve("file"));
    assertThatThrownBy(() -> AgentDirectory.create(Optional.of(file)))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("sharedMemory");
  }
}
