package dev.trireme.allreduce.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** The process of one measured rank: how it is started, what it says, how it ended. */
final class BenchProcess {
  private static final int SIGNALLED = 128;

  private final int rank;
  private final Process process;
  private final BufferedReader output;
  private Optional<String> endpoint = Optional.empty();
  private Optional<String> failure = Optional.empty();

  private BenchProcess(int rank, Process process) {
    this.rank = rank;
    this.process = process;
    this.output =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  /**
   * Starts a rank; the formation's number goes over its standard input, since it is a secret.
   *
   * @param words the task and the plan, for {@link BenchRank#main}
   */
  static BenchProcess start(
      RankJvm jvm, int rank, List<String> words, String aeron, Path shared, long formation)
      throws IOException {
    List<String> command = new ArrayList<>(jvm.command());
    command.add(BenchRank.class.getName());
    command.addAll(List.of(String.valueOf(rank), aeron, shared.toString()));
    command.addAll(words);
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().putAll(jvm.environment(rank));
    Process process = builder.start();
    BenchProcess started = new BenchProcess(rank, process);
    started.tell(String.valueOf(formation));
    return started;
  }

  /** Writes a line to its standard input; one that is gone does not hear it. */
  void tell(String line) {
    try {
      OutputStream input = process.getOutputStream();
      input.write((line + "\n").getBytes(StandardCharsets.UTF_8));
      input.flush();
    } catch (IOException e) {
      // Its end is about to be seen, and says more.
    }
  }

  /** Where it listens, once it has said so. */
  Optional<String> endpoint() {
    return endpoint;
  }

  int rank() {
    return rank;
  }

  /**
   * Takes the lines that it has written.
   *
   * @param rows given those that begin with {@link BenchRank#ROW}, without that
   * @param reports given those that begin with {@link BenchRank#REPORT}, without that
   */
  void poll(Consumer<String> rows, Consumer<String> reports) throws IOException {
    // Lines are short and written at once: one that has begun is soon whole.
    while (output.ready()) {
      String line = output.readLine();
      if (line == null) {
        return;
      }
      if (line.startsWith(BenchRank.ROW)) {
        rows.accept(line.substring(BenchRank.ROW.length()));
      } else if (line.startsWith(BenchRank.REPORT)) {
        reports.accept(line.substring(BenchRank.REPORT.length()));
      } else if (line.startsWith(BenchRank.ENDPOINT)) {
        endpoint = Optional.of(line.substring(BenchRank.ENDPOINT.length()));
      } else if (line.startsWith(BenchRank.FAILED)) {
        failure = Optional.of(line.substring(BenchRank.FAILED.length()));
      }
    }
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Whether it is gone without having measured everything. */
  boolean hasFailed() {
    return !process.isAlive() && process.exitValue() != 0;
  }

  /** What it said of its failure: the rank it suspects, a blank, and the verdict. */
  Optional<String> failure() {
    return failure;
  }

  /** How it ended, for people. */
  String end() {
    int code = process.exitValue();
    return code > SIGNALLED
        ? "was killed by signal " + (code - SIGNALLED)
        : "ended with exit code " + code;
  }

  void kill() {
    process.destroyForcibly();
  }

  void awaitEnd() throws InterruptedException {
    process.waitFor();
  }
}
