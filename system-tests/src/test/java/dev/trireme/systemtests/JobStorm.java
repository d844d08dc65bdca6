package dev.trireme.systemtests;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.control.ApiClient;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.protocol.HarmKind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/**
 * A cluster of three coordinators and three agents that is given many jobs at once and in which
 * ranks, agents and coordinators are killed, and jobs cancelled, by a seed and as time goes by.
 * What is killed is started again. A coordinator is killed only while all are there, as a majority
 * has to be left.
 */
final class JobStorm implements AutoCloseable {
  private static final int COORDINATORS = 3;
  private static final int AGENTS = 3;
  private static final int SLOTS = 2;
  private static final String JOB =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/smallest.yaml").toString();

  /** What happens, and in seconds the least and the most time between two. */
  private enum Mishap {
    CANCEL(5, 15),
    RANK(4, 12),
    AGENT(20, 40),
    COORDINATOR(60, 100);

    private final int least;
    private final int most;

    Mishap(int least, int most) {
      this.least = least;
      this.most = most;
    }
  }

  private final Path directory;
  private final Random random;
  private final ClusterRun cluster;
  private final List<Integer> ports;
  private final Map<String, Process> coordinators = new LinkedHashMap<>();
  private final Map<String, Process> agents = new LinkedHashMap<>();
  private final Map<Mishap, Long> next = new TreeMap<>();
  private final Map<Mishap, Integer> done = new TreeMap<>();
  private final Set<String> cancelled = new TreeSet<>();
  private Optional<ApiClient> client = Optional.empty();
  private long submittedAt;
  private long endedAt;

  JobStorm(Path directory, long seed) throws Exception {
    this.directory = directory;
    this.random = new Random(seed);
    this.cluster = new ClusterRun(directory);
    this.ports = ClusterRun.freePorts(COORDINATORS);
    try {
      for (int i = 0; i < COORDINATORS; i++) {
        startCoordinator("c" + i);
      }
      for (int i = 0; i < AGENTS; i++) {
        startAgent("a" + i);
      }
      awaitAllSlotsFree();
    } catch (Exception | Error e) {
      cluster.close();
      throw e;
    }
  }

  private void startCoordinator(String name) throws Exception {
    coordinators.put(name, cluster.coordinator(name, ports.get(name.charAt(1) - '0'), ports));
    client = Optional.empty(); // It has other ports now.
  }

  private void startAgent(String name) throws Exception {
    agents.put(name, cluster.agentAt(name, SLOTS, ports));
  }

  /** Asks the coordinators that there are now. */
  ApiClient client() throws Exception {
    if (client.isEmpty()) {
      client = Optional.of(newClient());
    }
    return client.get();
  }

  private ApiClient newClient() throws Exception {
    List<String> addresses = new ArrayList<>();
    for (String name : coordinators.keySet()) {
      addresses.add(cluster.addresses(name).path("api").asText());
    }
    Path credentials = directory.resolve("credentials");
    return ApiClient.of(
        addresses,
        Optional.of(credentials.resolve("ca.pem")),
        Files.readString(credentials.resolve("api-token")).strip(),
        Duration.ofSeconds(90));
  }

  /** Hands in so many, of one rank and of two, of three users and some of a higher priority. */
  Set<String> submit(int count) throws Exception {
    ApiClient client = client();
    Set<String> all = new TreeSet<>();
    submittedAt = System.nanoTime();
    for (int i = 0; i < count; i++) {
      List<String> settings = new ArrayList<>();
      settings.add("parallel.workers=" + (random.nextInt(4) == 0 ? 2 : 1));
      settings.add("train.seed=" + i);
      if (random.nextInt(10) == 0) {
        settings.add("queue.priority=1");
      }
      String yaml = JobReader.read(JOB, Files.readString(Path.of(JOB)), settings).yaml();
      all.add(client.submit(yaml, "user-" + random.nextInt(3)).path("job").asText());
    }
    return all;
  }

  Set<String> cancelled() {
    return cancelled;
  }

  /** Lets mishaps happen until none of the jobs is left that has not ended. */
  void liveUntilAllHaveEnded(Set<String> jobs, Duration deadline) throws Exception {
    long end = System.nanoTime() + deadline.toNanos();
    for (Mishap mishap : Mishap.values()) {
      plan(mishap);
    }
    Set<String> left = new HashSet<>(jobs);
    while (!left.isEmpty()) {
      if (System.nanoTime() - end > 0) {
        throw new AssertionError(left + " have not ended after " + deadline + cluster.logs());
      }
      JsonNode all = client().jobs();
      left.clear();
      List<String> running = new ArrayList<>();
      for (JsonNode job : all) {
        String state = job.path("state").asText();
        if (!Set.of("SUCCEEDED", "FAILED", "CANCELLED").contains(state)) {
          left.add(job.path("job").asText());
        }
        if (state.equals("RUNNING")) {
          running.add(job.path("job").asText());
        }
      }
      for (Mishap mishap : Mishap.values()) {
        if (!left.isEmpty() && System.nanoTime() - next.get(mishap) > 0) {
          happen(mishap, new TreeSet<>(left), running);
          plan(mishap);
        }
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(300));
    }
    endedAt = System.nanoTime();
  }

  private void plan(Mishap mishap) {
    int millis = 1000 * mishap.least + random.nextInt(1000 * (mishap.most - mishap.least));
    next.put(mishap, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis));
  }

  private void happen(Mishap mishap, Set<String> left, List<String> running) throws Exception {
    switch (mishap) {
      case CANCEL -> cancel(one(left));
      case RANK -> {
        if (running.isEmpty() || !killRankOf(one(running))) {
          return;
        }
      }
      case AGENT -> {
        String name = one(agents.keySet());
        kill(agents.get(name));
        startAgent(name);
      }
      case COORDINATOR -> {
        // The active one as a rule: the others are killed often enough by that.
        String name =
            random.nextInt(4) == 0
                ? one(coordinators.keySet())
                : client().cluster().path("coordinator").asText();
        kill(coordinators.get(name));
        startCoordinator(name);
      }
    }
    done.merge(mishap, 1, Integer::sum);
  }

  private <T extends Comparable<T>> T one(Collection<T> of) {
    return of.stream().sorted().toList().get(random.nextInt(of.size()));
  }

  private void cancel(String job) throws Exception {
    cancelled.add(job);
    try {
      client().job(job).cancel(false);
    } catch (UnreachableException | RefusedException e) {
      // Whether it was heard nobody knows: either end is right.
    }
  }

  private boolean killRankOf(String job) throws Exception {
    try {
      client().job(job).harm(HarmKind.KILL, 0, Duration.ZERO, false);
      return true;
    } catch (RefusedException | UnreachableException e) {
      return false; // It has ended meanwhile, or its host was just lost.
    }
  }

  private static void kill(Process process) throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Waits until every agent has joined and nothing is taken. */
  void awaitAllSlotsFree() throws Exception {
    cluster.await(
        "all slots free",
        agents.values().iterator().next(),
        () -> {
          JsonNode shown = client().cluster().path("agents");
          int free = 0;
          for (JsonNode agent : shown) {
            free += agent.path("free").asInt();
          }
          return shown.size() == AGENTS && free == AGENTS * SLOTS;
        });
  }

  /** What happened, for people. */
  String summary(Collection<JsonNode> jobs) {
    String mishaps =
        done.entrySet().stream()
            .map(e -> e.getValue() + " of " + e.getKey())
            .collect(Collectors.joining(", "));
    long generations =
        jobs.stream().mapToLong(job -> job.path("generation").asLong()).max().orElse(0);
    return "mishaps: %s; %.0f s from the first submission to the last end; %d generations"
        .formatted(mishaps, (endedAt - submittedAt) / 1e9, generations);
  }

  @Override
  public void close() {
    cluster.close();
  }
}
