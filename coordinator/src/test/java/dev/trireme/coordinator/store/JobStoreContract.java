package dev.trireme.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.Jobs;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.Stored.JobRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every job store keeps to. */
abstract class JobStoreContract {
  @TempDir Path directory;

  @Test
  void shouldBringBackJobsAndTermAfterReopening() {
    JobRecord first = Jobs.record("job-1", 1, 1, JobState.QUEUED);
    JobRecord second = Jobs.record("job-2", 1, 3, JobState.FAILED);
    try (LocalStore store = open()) {
      assertThat(store.raiseTerm(0)).isEqualTo(1);
      store.put(Jobs.record("job-2", 1, 1, JobState.QUEUED));
      store.put(first);
      store.put(second);
    }

    try (LocalStore store = open()) {
      assertThat(store.jobs()).containsExactlyInAnyOrder(first, second);
      assertThat(store.raiseTerm(0)).isEqualTo(2);
      assertThat(store.raiseTerm(10)).isEqualTo(11);
    }
    assertThat(directory.resolve("state")).isDirectoryNotContaining("glob:**.tmp");
  }

  @Test
  void shouldRefuseWhatAnotherCoordinatorHasOverruled() {
    try (LocalStore store = open()) {
      store.put(Jobs.record("job-1", 2, 5, JobState.RUNNING));

      assertThatThrownBy(() -> store.put(Jobs.record("job-1", 1, 9, JobState.FAILED)))
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("another coordinator has taken over");
      assertThatThrownBy(() -> store.put(Jobs.record("job-1", 2, 4, JobState.FAILED)))
          .isInstanceOf(CoordinatorException.class);
      assertThat(store.jobs()).containsExactly(Jobs.record("job-1", 2, 5, JobState.RUNNING));
    }
  }

  @Test
  void shouldNotCountATermPastAllBounds() {
    try (LocalStore store = open()) {
      assertThat(store.raiseTerm(Stamp.MAX - 1)).isEqualTo(Stamp.MAX);
      assertThatThrownBy(() -> store.raiseTerm(0))
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("past all bounds");
      assertThatThrownBy(() -> store.raiseTerm(Long.MAX_VALUE))
          .isInstanceOf(CoordinatorException.class);
    }
  }

  @Test
  void shouldKeepWhatItHasPromised() {
    try (LocalStore store = open()) {
      assertThat(store.term()).isZero();
      assertThat(store.promise(3)).isTrue();
      assertThat(store.promise(3)).isFalse();
      assertThat(store.promise(2)).isFalse();
      assertThatThrownBy(() -> store.promise(Stamp.MAX + 1))
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("past all bounds");
    }
    try (LocalStore store = open()) {
      assertThat(store.term()).isEqualTo(3);
      assertThat(store.raiseTerm(0)).isEqualTo(4);
    }
  }

  @Test
  void shouldHandOutOneJob() {
    JobRecord job = Jobs.record("job-1", 1, 1, JobState.QUEUED);
    try (LocalStore store = open()) {
      store.put(job);
      assertThat(store.job("job-1")).contains(job);
      assertThat(store.job("job-2")).isEmpty();
    }
  }

  @Test
  void shouldForgetWhatIsRemoved() {
    try (LocalStore store = open()) {
      store.put(Jobs.record("job-1", 1, 1, JobState.FAILED));
      store.put(Jobs.record("job-2", 1, 1, JobState.QUEUED));
      store.remove("job-1");
      store.remove("job-3");
    }
    try (LocalStore store = open()) {
      assertThat(store.jobs()).containsExactly(Jobs.record("job-2", 1, 1, JobState.QUEUED));
    }
  }

  @Test
  void shouldRefuseADirectoryInUse() {
    LocalStore store = open();
    try {
      assertThatThrownBy(this::open)
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("in use by another coordinator");
    } finally {
      store.close();
    }
    open().close();
  }

  @Test
  void shouldRefuseADirectoryThatIsAFile() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");

    assertThatThrownBy(() -> open(file))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("cannot use the state directory");
  }

  @Test
  void shouldKeepOtherAccountsOut() throws IOException {
    Path made = directory.resolve("made");
    try (LocalStore store = open(made)) {
      store.put(Jobs.record("job-1", 1, 1, JobState.QUEUED));
      store.raiseTerm(0);
    }
    assertThat(mode(made)).isEqualTo("rwx------");
    assertThat(mode(made.resolve("state"))).isEqualTo("rwx------");
    assertThat(mode(made.resolve("state/job-1.entry"))).isEqualTo("rw-------");
    assertThat(mode(made.resolve("state/term.entry"))).isEqualTo("rw-------");
  }

  @Test
  void shouldKeepOtherAccountsOutOfWhatWasThereBefore() throws IOException {
    open().close();
    Path entries = directory.resolve("state");
    Path unfinished = Files.writeString(entries.resolve("job-1.entry.tmp"), "cut o");
    for (Path path : List.of(directory, entries, unfinished)) {
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxrwxrwx"));
    }
    try (LocalStore store = open()) {
      store.put(Jobs.record("job-1", 1, 1, JobState.QUEUED));
    }
    assertThat(mode(directory)).isEqualTo("rwx------");
    assertThat(mode(entries)).isEqualTo("rwx------");
    assertThat(mode(entries.resolve("job-1.entry"))).isEqualTo("rw-------");
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  @Test
  void shouldNameADamagedEntryAndIgnoreAnUnfinishedOne() throws IOException {
    try (LocalStore store = open()) {
      store.put(Jobs.record("job-1", 1, 1, JobState.QUEUED));
    }
    Path file = directory.resolve("state/job-1.entry");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(directory.resolve("state/job-9.entry.tmp"), Arrays.copyOf(bytes, 20));
    Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));

    try (LocalStore store = open()) {
      assertThatThrownBy(store::jobs)
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("entry 'job-1' of the job store cannot be read");
    }
  }

  private LocalStore open() {
    return open(directory);
  }

  abstract LocalStore open(Path directory);
}
