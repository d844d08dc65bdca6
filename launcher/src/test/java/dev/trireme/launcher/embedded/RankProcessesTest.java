package dev.trireme.launcher.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RankProcessesTest {
  @Test
  void shouldStartWithoutAnArchiveWhereNoneWasMade() {
    assertThat(RankProcesses.archiveFlags(name -> null)).isEmpty();
  }

  @Test
  void shouldUseTheArchiveOfRanks(@TempDir Path folder) throws IOException {
    Path archive = Files.writeString(folder.resolve("rank.jsa"), "an archive");
    assertThat(RankProcesses.archiveFlags(Map.of("trireme.archives", folder.toString())::get))
        .containsExactly("-XX:SharedArchiveFile=" + archive);
  }

  @Test
  void shouldNotNameAnArchiveThatIsMissing(@TempDir Path folder) {
    assertThat(RankProcesses.archiveFlags(Map.of("trireme.archives", folder.toString())::get))
        .isEmpty();
  }

  @Test
  void shouldListItsClassesOnRequest(@TempDir Path folder) {
    assertThat(
            RankProcesses.archiveFlags(Map.of("trireme.archives.record", folder.toString())::get))
        .containsExactly("-XX:DumpLoadedClassList=" + folder.resolve("rank-%p.lst"));
  }

  @Test
  void shouldHandOnOnlyTheFlagsThatEveryProcessNeeds() {
    List<String> flags =
        RankProcesses.command(
                "trireme.jar",
                List.of(
                    "--add-opens=java.base/java.lang=ALL-UNNAMED",
                    "-Xlog:disable",
                    "-Djava.library.path=/a b/natives",
                    "-agentlib:jdwp=server=y",
                    "-XX:SharedArchiveFile=cli.jsa"))
            .jvmFlags();
    assertThat(flags)
        .contains(
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            "-Xlog:disable",
            "-Djava.library.path=/a b/natives")
        .doesNotContain("-agentlib:jdwp=server=y", "-XX:SharedArchiveFile=cli.jsa");
  }

  @Test
  void shouldLeaveTheEnvironmentToTheUserWhoSetIt() {
    assertThat(RankProcesses.environment(Map.of("MALLOC_ARENA_MAX", "4")))
        .containsOnlyKeys(
            "MALLOC_MMAP_THRESHOLD_",
            "MALLOC_TRIM_THRESHOLD_",
            "CUBLAS_WORKSPACE_CONFIG",
            "GOMP_SPINCOUNT");
    assertThat(RankProcesses.environment(Map.of("OMP_WAIT_POLICY", "active")))
        .doesNotContainKeys("GOMP_SPINCOUNT", "OMP_WAIT_POLICY");
    assertThat(RankProcesses.environment(Map.of("CUBLAS_WORKSPACE_CONFIG", ":16:8")))
        .doesNotContainKey("CUBLAS_WORKSPACE_CONFIG");
  }
}
