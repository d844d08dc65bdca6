package dev.trireme.allreduce.bench;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.BackoffIdleStrategy;

/**
 * Measures all-reduces between rank processes: starts a media driver in this process and the ranks
 * as children with this process's Java, class path and flags.
 */
public final class AllReduceBench {
  private static final long LIMIT_SECONDS = 600;

  private AllReduceBench() {}

  /** {@code RANKS ALGORITHM|auto BYTES,BYTES,...} */
  public static void main(String[] args) throws IOException, InterruptedException {
    System.exit(run(Integer.parseInt(args[0]), args[1], args[2]));
  }

  private static int run(int ranks, String algorithm, String sizes)
      throws IOException, InterruptedException {
    Path shared = Files.createTempDirectory(Path.of("/dev/shm"), "trireme-bench-");
    Path aeron = shared.resolve("aeron");
    MediaDriver.Context context =
        new MediaDriver.Context()
            .aeronDirectoryName(aeron.toString())
            .threadingMode(ThreadingMode.SHARED)
            .sharedIdleStrategy(new BackoffIdleStrategy(1, 1, 1_000, 1_000_000))
            .dirDeleteOnShutdown(true);
    System.out.println(BenchRow.header());
    try (MediaDriver driver = MediaDriver.launch(context)) {
      long formation = new SecureRandom().nextLong();
      List<Process> children = new ArrayList<>();
      for (int rank = 0; rank < ranks; rank++) {
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElse("java"));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(
            List.of(
                BenchRank.class.getName(),
                String.valueOf(rank),
                String.valueOf(ranks),
                driver.aeronDirectoryName(),
                shared.toString(),
                "1000",
                String.valueOf(formation),
                algorithm,
                sizes));
        children.add(new ProcessBuilder(command).inheritIO().start());
      }
      int worst = 0;
      for (Process child : children) {
        if (!child.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
          child.destroyForcibly();
        }
        worst = Math.max(worst, child.waitFor());
      }
      return worst;
    } finally {
      Files.deleteIfExists(shared);
    }
  }
}
