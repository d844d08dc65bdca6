package dev.trireme.systemtests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** One process of {@code ./trireme}, as a user would start it, and what it leaves behind. */
final class TriremeRun implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** A run of the smallest job takes some seconds; a loaded machine may take many times that. */
  static final Duration DEADLINE = Duration.ofMinutes(3);

  private final Process process;
  private final Path runDirectory;
  private final Path out;
  private final Path err;

  private TriremeRun(Process process, Path runDirectory, Path out, Path err) {
    this.process = process;
    this.runDirectory = runDirectory;
    this.out = out;
    this.err = err;
  }

  /** The root of the repository. */
  static Path home() {
    return Path.of("").toAbsolutePath().getParent();
  }

  /** Starts {@code trireme train JOB --run-dir directory/run ...}. */
  static TriremeRun train(Path directory, String job, String... more) throws IOException {
    List<String> arguments = new ArrayList<>(List.of("train", job, "--run-dir", "run"));
    arguments.addAll(List.of(more));
    return start(directory, arguments.toArray(String[]::new));
  }

  /** Starts {@code trireme} with these arguments in {@code directory}. */
  static TriremeRun start(Path directory, String... arguments) throws IOException {
    return start(directory, Map.of(), arguments);
  }

  /** As above, with more in its environment. */
  static TriremeRun start(Path directory, Map<String, String> environment, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>(List.of(home().resolve("trireme").toString()));
    command.addAll(List.of(arguments));
    Files.createDirectories(directory);
    Path out = directory.resolve("stdout.txt");
    Path err = directory.resolve("stderr.txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    // Maven has just built what the script would build.
    builder.environment().put("TRIREME_BUILD", "never");
    builder.environment().putAll(environment);
    return new TriremeRun(builder.start(), directory.resolve("run"), out, err);
  }

  Process process() {
    return process;
  }

  Path runDirectory() {
    return runDirectory;
  }

  /** Waits for the end and returns the exit code. */
  int exitCode() throws InterruptedException {
    return exitCode(DEADLINE);
  }

  int exitCode(Duration deadline) throws InterruptedException {
    if (!process.waitFor(deadline.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError("not over after " + deadline + "; it said:\n" + stderr());
    }
    return process.exitValue();
  }

  /** Waits for success and returns result.json. */
  JsonNode succeeded() throws Exception {
    int code = exitCode();
    if (code != 0) {
      throw new AssertionError("exit code " + code + "; it said:\n" + stderr());
    }
    return result();
  }

  JsonNode result() throws IOException {
    return JSON.readTree(runDirectory.resolve("result.json").toFile());
  }

  String stdout() {
    return read(out);
  }

  String stderr() {
    return read(err);
  }

  /**
   * The lines of a JSON-lines file in the run directory so far; an unfinished last line is left
   * out.
   */
  List<JsonNode> lines(String file) {
    List<JsonNode> lines = new ArrayList<>();
    String text = read(runDirectory.resolve(file));
    for (String line : text.substring(0, text.lastIndexOf('\n') + 1).split("\n")) {
      try {
        if (!line.isBlank()) {
          lines.add(JSON.readTree(line));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(file + ": not JSON: " + line, e);
      }
    }
    return lines;
  }

  /** Waits until the metrics tell of a committed step of this number or more. */
  void awaitStep(long step) {
    await(
        "step " + step,
        () -> lines("metrics.jsonl").stream().anyMatch(l -> l.path("step").asLong() >= step));
  }

  /** Waits for a condition while the process runs. */
  void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline || !process.isAlive()) {
        throw new AssertionError(
            (process.isAlive() ? "no " : "ended before ") + what + "; it said:\n" + stderr());
      }
      LockSupport.parkNanos(20_000_000);
    }
  }

  /** The processes that this run has started and that are alive now. */
  List<ProcessHandle> children() {
    return process.descendants().toList();
  }

  /** Waits for the end of all of these. */
  static void awaitGone(List<ProcessHandle> processes, Duration deadline) throws Exception {
    long end = System.nanoTime() + deadline.toNanos();
    for (ProcessHandle handle : processes) {
      handle.onExit().get(Math.max(1, end - System.nanoTime()), TimeUnit.NANOSECONDS);
    }
  }

  /** Sends a signal, by name as {@code INT}, to a process. */
  static void signal(long pid, String name) throws Exception {
    new ProcessBuilder("kill", "-" + name, String.valueOf(pid)).inheritIO().start().waitFor();
  }

  private static String read(Path file) {
    try {
      return Files.exists(file) ? Files.readString(file, StandardCharsets.UTF_8) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
