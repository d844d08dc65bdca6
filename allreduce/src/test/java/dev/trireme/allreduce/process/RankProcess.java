package dev.trireme.allreduce.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A rank in a process of its own, and what it prints. */
public final class RankProcess {
  private static final long LINE_SECONDS = 60;

  private final int rank;
  private final Process process;
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
  private final List<String> all = new ArrayList<>();

  public RankProcess(int rank, List<String> command) {
    this(rank, command, Map.of());
  }

  /** The same with variables of the environment besides its own. */
  public RankProcess(int rank, List<String> command, Map<String, String> environment) {
    this.rank = rank;
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().putAll(environment);
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread reader = new Thread(this::read, "output-of-rank-" + rank);
    reader.setDaemon(true);
    reader.start();
  }

  /** The rest of the next line that begins with {@code word}; fails when it does not come. */
  public String await(String word) {
    while (true) {
      String line = next();
      if (line.startsWith(word)) {
        return line.substring(word.length()).trim();
      }
    }
  }

  private String next() {
    try {
      String line = lines.poll(LINE_SECONDS, TimeUnit.SECONDS);
      if (line == null || line.isEmpty()) {
        throw new AssertionError("rank " + rank + " said no more; it had said: " + all);
      }
      all.add(line);
      return line;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  public void kill() {
    process.destroyForcibly();
  }

  /** Writes a line to its standard input. */
  public void tell(String line) {
    try {
      process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
      process.getOutputStream().flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The command line of a JVM like this one, with this class's main method. */
  public static List<String> java(Class<?> main, List<String> flags, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> flag.startsWith("-X") || flag.startsWith("--"))
        .forEach(command::add);
    command.addAll(flags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(arguments);
    return command;
  }

  /** Sends SIGSTOP or SIGCONT. */
  void signal(String name) {
    try {
      int code =
          new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start().waitFor();
      if (code != 0) {
        throw new AssertionError("kill -" + name + " ended with " + code);
      }
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  public int exitCode(long time, TimeUnit unit) {
    try {
      if (!process.waitFor(time, unit)) {
        throw new AssertionError("rank " + rank + " did not end; it had said: " + all);
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  private void read() {
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line; (line = reader.readLine()) != null; ) {
        if (!line.isEmpty()) {
          lines.add(line);
        }
      }
    } catch (IOException e) {
      lines.add("reading failed: " + e);
    } finally {
      lines.add("");
    }
  }
}
