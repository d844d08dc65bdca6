package dev.trireme.allreduce.bench;

import dev.trireme.allreduce.group.AllReduceAlgorithm;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.agrona.IoUtil;
import org.agrona.concurrent.BackoffIdleStrategy;

/**
 * Measures all-reduces between rank processes: starts a media driver in this process and the ranks
 * as children with this process's Java, class path and flags.
 */
public final class AllReduceBench {
  private static final long NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final long END_SECONDS = 30;

  private AllReduceBench() {}

  /**
   * Measures each size, float32 sums.
   *
   * <p>Blocking: until all is measured. No process is left when it returns or throws.
   *
   * @param transport between the ranks
   * @param ranks at least 1
   * @param sizes in bytes, multiples of 4
   * @param algorithm for every size that it can do; chosen by size when empty
   * @param memory a directory on a file system in memory, such as {@code /dev/shm}; left as it was
   * @param each takes a row as soon as it is measured
   * @throws IOException when a rank could not be started or failed; what it said is on standard
   *     error
   */
  public static void measure(
      BenchTransport transport,
      int ranks,
      long[] sizes,
      Optional<AllReduceAlgorithm> algorithm,
      Path memory,
      Consumer<BenchRow> each)
      throws IOException, InterruptedException {
    Path shared = Files.createTempDirectory(memory, "trireme-bench-");
    MediaDriver.Context context =
        new MediaDriver.Context()
            .aeronDirectoryName(shared.resolve("aeron").toString())
            .threadingMode(ThreadingMode.SHARED)
            .sharedIdleStrategy(new BackoffIdleStrategy(0, 0, NAP_NANOS / 50, NAP_NANOS))
            .dirDeleteOnShutdown(true);
    List<Process> children = new ArrayList<>();
    try (MediaDriver driver = MediaDriver.launch(context)) {
      long formation = new SecureRandom().nextLong();
      for (int rank = 0; rank < ranks; rank++) {
        List<String> command = java();
        command.add(BenchRank.class.getName());
        command.addAll(List.of(String.valueOf(rank), String.valueOf(ranks)));
        command.addAll(List.of(driver.aeronDirectoryName(), shared.toString()));
        command.add(String.valueOf(formation));
        command.add(transport.name());
        command.add(algorithm.map(Enum::name).orElse(""));
        command.add(
            Arrays.stream(sizes).mapToObj(String::valueOf).collect(Collectors.joining(",")));
        children.add(
            new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
      }
      if (transport == BenchTransport.UDP && ranks > 1) {
        exchangeEndpoints(children);
      }
      readRows(children.get(0), ranks, each);
      for (Process child : children) {
        if (!child.waitFor(END_SECONDS, TimeUnit.SECONDS) || child.exitValue() != 0) {
          throw new IOException("rank " + children.indexOf(child) + " of the measurement failed");
        }
      }
    } finally {
      for (Process child : children) {
        child.destroyForcibly().waitFor();
      }
      IoUtil.delete(shared.toFile(), true);
    }
  }

  /** {@code RANKS ALGORITHM|auto BYTES,BYTES,... [ipc|udp]}; prints a table. */
  public static void main(String[] args) throws IOException, InterruptedException {
    Optional<AllReduceAlgorithm> algorithm =
        Optional.of(args[1]).filter(name -> !name.equals("auto")).map(AllReduceAlgorithm::valueOf);
    long[] sizes = Arrays.stream(args[2].split(",")).mapToLong(Long::parseLong).toArray();
    System.out.println(BenchRow.header());
    measure(
        args.length > 3
            ? BenchTransport.valueOf(args[3].toUpperCase(Locale.ROOT))
            : BenchTransport.IPC,
        Integer.parseInt(args[0]),
        sizes,
        algorithm,
        Path.of("/dev/shm"),
        row -> System.out.println(row.line()));
  }

  /** Hears from every rank where it listens, and tells all of them. */
  private static void exchangeEndpoints(List<Process> children) throws IOException {
    List<String> endpoints = new ArrayList<>();
    for (Process child : children) {
      String line = child.inputReader(StandardCharsets.UTF_8).readLine();
      if (line == null || !line.startsWith(BenchRank.ENDPOINT)) {
        throw new IOException("expected a rank's endpoint, found " + line);
      }
      endpoints.add(line.substring(BenchRank.ENDPOINT.length()));
    }
    for (Process child : children) {
      Writer writer = child.outputWriter(StandardCharsets.UTF_8);
      writer.write(String.join(" ", endpoints) + "\n");
      writer.flush();
    }
  }

  private static void readRows(Process rankZero, int ranks, Consumer<BenchRow> each)
      throws IOException {
    try (BufferedReader reader = rankZero.inputReader(StandardCharsets.UTF_8)) {
      for (String line; (line = reader.readLine()) != null; ) {
        if (line.startsWith(BenchRank.ROW)) {
          String[] words = line.substring(BenchRank.ROW.length()).split(" ");
          each.accept(
              BenchRow.of(
                  Long.parseLong(words[0]),
                  ranks,
                  Double.parseDouble(words[1]),
                  Long.parseLong(words[2])));
        }
      }
    }
  }

  /** Options that name a file or a port of this process are left out. */
  private static List<String> java() {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!flag.startsWith("-agentlib") && !flag.startsWith("-javaagent")) {
        command.add(flag);
      }
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    return command;
  }
}
