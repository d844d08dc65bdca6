package dev.trireme.allreduce.process;

import dev.trireme.allreduce.GroupConfig;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.agrona.IoUtil;

/** What an agent gives its ranks: a media driver and a directory for shared memory. */
final class Host implements AutoCloseable {
  private static final Path MEMORY = Path.of("/dev/shm");

  private final Path root;
  private final Path shared;
  private final MediaDriver driver;
  private final List<RankProcess> processes = new ArrayList<>();

  Host() {
    this(Duration.ofSeconds(10), Duration.ofSeconds(5));
  }

  /**
   * A host whose driver forgets dead clients soon.
   *
   * @param liveness after which a silent client is given up
   * @param linger after which what it had is deleted
   */
  Host(Duration liveness, Duration linger) {
    try {
      root =
          Files.isWritable(MEMORY)
              ? Files.createTempDirectory(MEMORY, "trireme-test-")
              : Files.createTempDirectory("trireme-test-");
      shared = Files.createDirectory(root.resolve("shared"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    driver =
        MediaDriver.launch(
            new MediaDriver.Context()
                .aeronDirectoryName(root.resolve("aeron").toString())
                .threadingMode(ThreadingMode.SHARED)
                .clientLivenessTimeoutNs(liveness.toNanos())
                .publicationUnblockTimeoutNs(liveness.toNanos() * 2)
                .publicationLingerTimeoutNs(linger.toNanos())
                .timerIntervalNs(TimeUnit.MILLISECONDS.toNanos(100))
                .termBufferSparseFile(true)
                .dirDeleteOnShutdown(true));
  }

  /** The config of a rank on streams that all formations of this host share. */
  GroupConfig config(int rank, int worldSize, long formation, Duration timeout) {
    return new GroupConfig(
        rank,
        worldSize,
        7,
        Path.of(driver.aeronDirectoryName()),
        shared,
        1000,
        worldSize * worldSize,
        formation,
        timeout);
  }

  /** Starts the ranks of a formation, a process each. */
  List<RankProcess> start(RankMain.Scenario scenario, int worldSize, Duration timeout) {
    List<RankProcess> ranks = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      ranks.add(start(scenario, rank, worldSize, timeout));
    }
    return ranks;
  }

  /** Starts one rank of a formation. */
  RankProcess start(RankMain.Scenario scenario, int rank, int worldSize, Duration timeout) {
    return start(scenario, rank, worldSize, 4711, timeout);
  }

  /** Starts one rank of one of several formations. */
  RankProcess start(
      RankMain.Scenario scenario, int rank, int worldSize, long formation, Duration timeout) {
    List<String> command = java();
    command.addAll(List.of(RankMain.class.getName(), scenario.name()));
    command.addAll(RankMain.arguments(config(rank, worldSize, formation, timeout)));
    RankProcess process = new RankProcess(rank, command);
    processes.add(process);
    return process;
  }

  /** How a Java like this one is started, up to its main class. */
  static List<String> java() {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> flag.startsWith("-X") || flag.startsWith("--"))
        .forEach(command::add);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    return command;
  }

  /** Ends the media driver as a crash of the agent would. */
  void closeDriver() {
    driver.close();
  }

  /** Log buffers of clients, living or not yet forgotten. */
  List<String> logBuffers() {
    try (Stream<Path> files = Files.walk(Path.of(driver.aeronDirectoryName()))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".logbuffer"))
          .toList();
    } catch (IOException | UncheckedIOException e) {
      // One was deleted while the directory was walked.
      return List.of("being deleted");
    }
  }

  /** Streams of which some rank has read something. */
  int streamsRead() {
    AtomicInteger read = new AtomicInteger();
    driver
        .context()
        .countersManager()
        .forEach(
            (value, counter, label) ->
                read.addAndGet(label.startsWith("sub-pos") && value > 0 ? 1 : 0));
    return read.get();
  }

  /** Names of what lies in the shared directory. */
  List<String> sharedFiles() {
    try (Stream<Path> files = Files.list(shared)) {
      return files.map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    processes.forEach(RankProcess::kill);
    processes.forEach(process -> process.exitCode(10, TimeUnit.SECONDS));
    driver.close();
    IoUtil.delete(root.toFile(), true);
  }
}
