package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RankEnvironmentTest {
  @TempDir Path directory;

  private static Map<String, String> adapt(Map<String, String> own, Map<String, String> added) {
    Map<String, String> environment = new HashMap<>(own);
    RankEnvironment.adapt(environment, OptionalInt.of(3), added, RankEnvironment::holdsLibtorch);
    return environment;
  }

  @Test
  void shouldDropLibraryDirectoriesThatHoldAnotherLibtorch() throws Exception {
    Path foreign = Files.createDirectory(directory.resolve("foreign"));
    Files.createFile(foreign.resolve("libtorch_cpu.so"));
    Path harmless = Files.createDirectory(directory.resolve("harmless"));
    Files.createFile(harmless.resolve("libcuda.so.1"));
    String path = foreign + "::" + harmless + ":/nowhere";
    assertThat(adapt(Map.of("LD_LIBRARY_PATH", path), Map.of()))
        .containsEntry("LD_LIBRARY_PATH", harmless + ":/nowhere");
    assertThat(adapt(Map.of("LD_LIBRARY_PATH", foreign.toString()), Map.of()))
        .doesNotContainKey("LD_LIBRARY_PATH");
    assertThat(adapt(Map.of(), Map.of())).doesNotContainKey("LD_LIBRARY_PATH");
  }

  @Test
  void shouldSetTheThreadsUnlessTheLauncherDoes() {
    assertThat(adapt(Map.of("OMP_NUM_THREADS", "64", "HOME", "/root"), Map.of()))
        .containsEntry("OMP_NUM_THREADS", "3")
        .containsEntry("MKL_NUM_THREADS", "3")
        .containsEntry("HOME", "/root");
    assertThat(adapt(Map.of(), Map.of("OMP_NUM_THREADS", "1", "A", "b")))
        .containsEntry("OMP_NUM_THREADS", "1")
        .containsEntry("A", "b");
  }
}
