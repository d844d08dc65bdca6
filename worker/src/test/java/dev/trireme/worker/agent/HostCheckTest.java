package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.Stamp;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostCheckTest {
  @TempDir Path runDirectory;

  @Test
  void shouldMissNothingWhereTheRunDirectoryIsTheCoordinators() throws IOException {
    Files.writeString(runDirectory.resolve("job.yaml"), "name: x\n");
    assertThat(HostCheck.FILES.lacking(order(runDirectory))).isEmpty();
  }

  @Test
  void shouldTellARunDirectoryOfThisHostAlone() throws IOException {
    assertThat(HostCheck.FILES.lacking(order(runDirectory)))
        .singleElement()
        .asString()
        .startsWith("run directory " + runDirectory);
    Files.writeString(runDirectory.resolve("job.yaml"), "name: another\n");
    assertThat(HostCheck.FILES.lacking(order(runDirectory))).hasSize(1);
  }

  private static StartRanks order(Path runDirectory) {
    return new StartRanks(
        new Stamp(1, 1),
        "job-1",
        TestJobs.job(Optional.empty()),
        "name: x\n",
        runDirectory.toString(),
        1,
        List.of(0),
        7);
  }
}
