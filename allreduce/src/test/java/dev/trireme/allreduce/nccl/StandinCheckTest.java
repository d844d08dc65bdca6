package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The stand-ins' own test under AddressSanitizer, and under valgrind where that is installed: what
 * they find in Java's tests is worth something only if they use nothing themselves that was freed.
 */
@Timeout(180)
class StandinCheckTest {
  private static final Path SOURCES = Path.of("src/test/c").toAbsolutePath();
  private static final Path FOLDER = Path.of("target/standins-check").toAbsolutePath();
  private static final long SECONDS = 120;

  private record Ended(int code, String output) {}

  @Test
  void shouldUseNothingThatWasFreedAndLeaveNothing() throws Exception {
    Files.createDirectories(FOLDER);
    Optional<String> missing = missing();
    missing.ifPresent(why -> System.out.println("SKIPPED the check of the stand-ins: " + why));
    Assumptions.assumeTrue(missing.isEmpty(), () -> "no AddressSanitizer: " + missing.get());
    Ended check = run(List.of("sh", SOURCES.resolve("check.sh").toString()));
    System.out.println("check.sh: " + check.output().strip().replace("\n", " | "));
    assertThat(check.code()).as(check.output()).isZero();
    assertThat(check.output())
        .contains("the stand-ins keep what they promise", "LEFT 0 blocks of 0 bytes, 0 streams");
  }

  /** Why programs cannot be checked here. */
  private static Optional<String> missing() throws IOException, InterruptedException {
    if (!System.getProperty("os.name").equals("Linux")) {
      return Optional.of("the stand-ins are for Linux");
    }
    Path source = FOLDER.resolve("probe.c");
    String program = FOLDER.resolve("probe").toString();
    Files.writeString(source, "#include <stdlib.h>\nint main(void) { free(malloc(1)); return 0; }");
    String compile = "cc -fsanitize=address,undefined -o " + program + " " + source;
    Ended probe = run(List.of("sh", "-c", compile + " && " + program));
    return probe.code() == 0
        ? Optional.empty()
        : Optional.of(compile + " && " + program + " ends with " + probe);
  }

  private static Ended run(List<String> command) throws IOException, InterruptedException {
    Path log = FOLDER.resolve("log");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    // As check.sh itself sets it for Java's tests, where nothing is to be checked twice.
    builder.environment().remove("LD_PRELOAD");
    builder.environment().remove("ASAN_OPTIONS");
    Process process = builder.start();
    try {
      boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
      String output = Files.readString(log);
      assertThat(ended).as("%s has not ended: %s", command, output).isTrue();
      return new Ended(process.exitValue(), output);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
