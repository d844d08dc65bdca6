package dev.trireme.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.coordinator.Jobs;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stored.JobRecord;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileJobStoreTest extends JobStoreContract {
  @Override
  LocalStore open(Path directory) {
    return FileJobStore.open(directory);
  }

  @Test
  void shouldShareItsFilesWithTheOtherStore(@TempDir Path directory) {
    JobRecord job = Jobs.record("job-1", 1, 1, JobState.QUEUED);
    try (LocalStore written = HazelcastJobStore.open("test", directory)) {
      written.raiseTerm(4);
      written.put(job);
    }
    try (LocalStore read = open(directory)) {
      assertThat(read.jobs()).containsExactly(job);
      assertThat(read.raiseTerm(0)).isEqualTo(6);
    }
  }
}
