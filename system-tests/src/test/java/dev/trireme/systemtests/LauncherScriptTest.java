package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code ./trireme} does before there is Java: on a checkout with a Maven that only notes. */
class LauncherScriptTest {
  private static final long SECONDS = 60;

  @TempDir Path directory;

  private record Run(int code, String err) {}

  @BeforeEach
  void checkOut() throws IOException {
    Path script = directory.resolve("trireme");
    Files.copy(TriremeRun.home().resolve("trireme"), script);
    executable(script);
    Path mvn = Files.createDirectory(directory.resolve("bin")).resolve("mvn");
    Files.writeString(
        mvn,
        """
        #!/bin/sh
        printf '%s\\n' "$@" >"$MVN_NOTES"
        echo '[INFO] Building Trireme :: engine 0.1 [3/13]'
        echo '[ERROR] no network -> [Help 1]'
        exit 1
        """);
    executable(mvn);
  }

  private static void executable(Path file) throws IOException {
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  private Path notes() {
    return directory.resolve("notes");
  }

  private Run trireme(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(directory.resolve("trireme").toString()));
    command.addAll(List.of(arguments));
    Path err = directory.resolve("stderr.txt");
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(err.toFile());
    builder.environment().merge("PATH", directory.resolve("bin") + ":", (path, bin) -> bin + path);
    builder.environment().put("MVN_NOTES", notes().toString());
    builder.environment().remove("TRIREME_BUILD");
    builder.environment().remove("TRIREME_DEVICE");
    Process process = builder.start();
    try {
      assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).as("it ends").isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Run(process.exitValue(), Files.readString(err));
  }

  @Test
  void shouldRefuseADeviceThatItDoesNotKnow() throws Exception {
    Run run = trireme("--device", "tpu", "doctor");
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("expected cpu or cuda as the device, found 'tpu'");
    assertThat(trireme("--device=", "doctor").err()).contains("found ''");
    assertThat(trireme("--device").err()).contains("expected cpu or cuda after it");
    assertThat(notes()).as("nothing was built").doesNotExist();
  }

  /** Where there is no libtorch for CUDA it must say so in place of building. */
  @ParameterizedTest
  @CsvSource({"--device=cpu, 300 MB, false", "--device=cuda, 458 MB, true"})
  void shouldSayHowMuchItDownloadsBeforeItBuilds(String device, String size, boolean cuda)
      throws Exception {
    Run run = trireme(device, "doctor");
    if (cuda && !isLinuxOnX86()) {
      assertThat(run.code()).isEqualTo(2);
      assertThat(run.err()).contains("libtorch for CUDA is there for Linux on x86-64 only");
      return;
    }
    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains("the build failed", "no network");
    assertThat(run.err().indexOf(size)).as(run.err()).isPositive();
    assertThat(run.err().indexOf(size)).isLessThan(run.err().indexOf("engine [3/13]"));
    assertThat(Files.readAllLines(notes()).contains("-Pcuda")).isEqualTo(cuda);
  }

  private static boolean isLinuxOnX86() {
    return System.getProperty("os.name").equals("Linux")
        && System.getProperty("os.arch").equals("amd64");
  }
}
