package dev.trireme.allreduce.hosts;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.Carrier;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.transport.Losses;
import dev.trireme.api.collective.ProcessGroup;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.driver.ext.LossGenerator;
import io.aeron.driver.ext.RandomLossGenerator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.agrona.IoUtil;
import org.agrona.concurrent.BackoffIdleStrategy;

/**
 * The groups of a formation that spans hosts, and what agents would give its ranks: a media driver
 * and a directory for shared memory for each host. A rank is a thread.
 */
final class HostGroups implements AutoCloseable {
  static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final Path MEMORY = Path.of("/dev/shm");
  private static final int STREAMS = 5000;

  private final Path root;
  private final Map<Character, MediaDriver> drivers = new LinkedHashMap<>();
  private final Set<Character> cut = ConcurrentHashMap.newKeySet();
  private final Carrier carrier;
  private final String hosts;
  private final double loss;
  private final IntFunction<Losses> besides;
  private final ExecutorService threads;
  private List<ProcessGroup> groups = List.of();
  private List<Endpoint> endpoints = List.of();
  private boolean leaked;

  /**
   * @param carrier of bytes between hosts
   * @param hosts a letter a rank; ranks with equal letters share a host
   * @param loss the share of datagrams that every rank drops on their way out and in
   */
  HostGroups(Carrier carrier, String hosts, double loss) {
    this(carrier, hosts, loss, rank -> Losses.NONE);
  }

  /**
   * @param besides what each rank drops besides, by rank
   */
  HostGroups(Carrier carrier, String hosts, double loss, IntFunction<Losses> besides) {
    this.carrier = carrier;
    this.hosts = hosts;
    this.loss = loss;
    this.besides = besides;
    try {
      root =
          Files.isWritable(MEMORY)
              ? Files.createTempDirectory(MEMORY, "trireme-test-")
              : Files.createTempDirectory("trireme-test-");
      for (char host : hosts.toCharArray()) {
        if (!drivers.containsKey(host)) {
          Files.createDirectory(root.resolve("shared-" + host));
          drivers.put(host, MediaDriver.launch(context(host)));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "host-rank");
              thread.setDaemon(true);
              return thread;
            });
  }

  private MediaDriver.Context context(char host) {
    return new MediaDriver.Context()
        .aeronDirectoryName(root.resolve("aeron-" + host).toString())
        .threadingMode(ThreadingMode.SHARED)
        .sharedIdleStrategy(new BackoffIdleStrategy(0, 0, 20_000, 500_000))
        .dirDeleteOnShutdown(true);
  }

  private Losses losses(int rank) {
    char host = hosts.charAt(rank);
    Losses more = besides.apply(rank);
    return new Losses(
        either(more.sent(), lost(host, 2 * rank)),
        either(more.received(), lost(host, 2 * rank + 1)));
  }

  private static LossGenerator either(LossGenerator one, LossGenerator other) {
    return (address, buffer, length) ->
        one.shouldDropFrame(address, buffer, length)
            || other.shouldDropFrame(address, buffer, length);
  }

  private LossGenerator lost(char host, long seed) {
    LossGenerator random = new RandomLossGenerator(loss, seed);
    return (address, buffer, length) ->
        cut.contains(host) || random.shouldDropFrame(address, buffer, length);
  }

  GroupConfig config(int rank, long formation, Duration timeout) {
    char host = hosts.charAt(rank);
    int worldSize = hosts.length();
    return new GroupConfig(
        rank,
        worldSize,
        formation,
        Path.of(drivers.get(host).aeronDirectoryName()),
        root.resolve("shared-" + host),
        // Each agent allots its own.
        STREAMS + 1000 * host,
        2 * worldSize * worldSize,
        formation,
        timeout,
        Optional.of(new NetworkConfig("host-" + host, "127.0.0.1", carrier)));
  }

  /** Forms a group over all ranks; the one before it, if any, is closed. */
  void form(long formation, Optional<AllReduceAlgorithm> algorithm, Duration timeout) {
    close(groups);
    List<AeronProcessGroup.Opening> openings = new ArrayList<>();
    for (int rank = 0; rank < hosts.length(); rank++) {
      openings.add(AeronProcessGroup.open(config(rank, formation, timeout), losses(rank)));
    }
    // As text, for so they travel.
    List<String> texts = openings.stream().map(o -> o.endpoint().text()).toList();
    endpoints = texts.stream().map(Endpoint::parse).toList();
    List<Endpoint> all = endpoints;
    groups = inParallel(openings, opening -> opening.join(all, algorithm));
  }

  ProcessGroup group(int rank) {
    return groups.get(rank);
  }

  /** Where a rank is heard of, as host:port. */
  String address(int rank) {
    return endpoints.get(rank).address();
  }

  /** A media driver that is none of the ranks'. */
  String driver(char host) {
    return drivers.get(host).aeronDirectoryName();
  }

  /** Loses all that the ranks of a host say and hear from now on: they live on. */
  void cut(char host) {
    cut.add(host);
  }

  /** Runs the task once a rank, all at the same time; gives the results in order of rank. */
  <T> List<T> onEveryRank(Function<ProcessGroup, T> task) {
    return inParallel(groups, task);
  }

  /** All at once, as processes would be: a rank waits a while for what its peers have to say. */
  private void close(List<ProcessGroup> all) {
    inParallel(
        all,
        group -> {
          group.close();
          return null;
        });
  }

  /**
   * Comes back, or throws what a rank threw, only once all are through: closing a group frees
   * memory that they may be at.
   */
  private <S, T> List<T> inParallel(List<S> on, Function<S, T> task) {
    List<CompletableFuture<T>> futures =
        on.stream().map(s -> CompletableFuture.supplyAsync(() -> task.apply(s), threads)).toList();
    CompletableFuture<Void> all =
        CompletableFuture.allOf(futures.toArray(CompletableFuture[]::new));
    try {
      all.get(2 * TIMEOUT.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new AssertionError(e.getCause());
    } catch (TimeoutException | InterruptedException e) {
      leaked = true;
      throw new AssertionError(
          "a rank did not come back; its thread may still be at its group's memory, which is left"
              + " as it is, in "
              + root,
          e);
    }
    return futures.stream().map(CompletableFuture::join).toList();
  }

  @Override
  public void close() {
    if (leaked) {
      // It has been said by then.
      return;
    }
    close(groups);
    threads.shutdownNow();
    drivers.values().forEach(MediaDriver::close);
    IoUtil.delete(root.toFile(), true);
  }
}
