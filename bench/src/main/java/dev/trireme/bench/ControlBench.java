package dev.trireme.bench;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.control.JobControl;
import dev.trireme.coordinator.life.Time;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.config.ResolvedJob;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stored.JobRecord;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * What the coordinator's one thread takes for a message of a rank, for a submission and for the end
 * of a job, with the decision that follows, on a large cluster that is full. All of its code is the
 * real one but for the disk under its job store; agents answer at once and train nothing.
 *
 * <p>Arguments: agents, jobs that have not ended, measurements, a directory for the runs.
 */
public final class ControlBench {
  private static final String JOB =
      """
      name: small
      model: {layers: [flatten, {linear: 10}]}
      data: {train: {format: strokes, items: 1000, seed: 1}, batchSize: 128}
      train: {epochs: 1, loss: cross-entropy, optimizer: {sgd: {lr: 0.1}}}
      """;

  private final Random random = new Random(1);
  private final Map<String, StartRanks> formations = new TreeMap<>();
  private final Map<String, List<String>> places = new HashMap<>();
  private final Deque<AgentToCoordinator> said = new ArrayDeque<>();
  private final Map<Integer, ResolvedJob> specs = new HashMap<>();
  private final Path runs;
  private final JobControl control;
  private int submitted;
  private int live;

  private ControlBench(Path runs) {
    this.runs = runs;
    this.control =
        new JobControl(
            "bench", new MemoryStore(), Timing.DEFAULT, Time.SYSTEM, () -> 7, this::obey);
  }

  /** Prints one line. */
  public static void main(String[] args) {
    ControlBench bench = new ControlBench(Path.of(args[3]).toAbsolutePath());
    bench.run(Integer.parseInt(args[0]), Integer.parseInt(args[1]), Integer.parseInt(args[2]));
    bench.control.close();
  }

  private void run(int agents, int jobs, int measurements) {
    for (int i = 0; i < agents; i++) {
      String id = "agent-%05d".formatted(i);
      control.onRegistration(new RegisterAgent(id, "host-" + i, 16, 32, 0, 0));
    }
    long start = System.nanoTime();
    while (live < jobs) {
      submit();
      settle();
    }
    final double filled = (System.nanoTime() - start) / 1e9;
    long[] messages = new long[measurements];
    long[] ends = new long[measurements];
    long[] submissions = new long[measurements];
    for (int i = -measurements / 4; i < measurements; i++) {
      String job = someFormation();
      long message = timed(() -> committed(job));
      long end = timed(() -> end(job));
      settle();
      long submission = timed(this::submit);
      settle();
      if (i >= 0) {
        messages[i] = message;
        ends[i] = end;
        submissions[i] = submission;
      }
    }
    System.gc();
    System.gc();
    Runtime memory = Runtime.getRuntime();
    System.out.printf(
        Locale.ROOT,
        "agents=%d live=%d running=%d filled_s=%.1f message_p50_us=%.1f message_p99_us=%.1f"
            + " end_p50_ms=%.2f end_p99_ms=%.2f submit_p50_ms=%.2f submit_p99_ms=%.2f"
            + " heap_mib=%d%n",
        agents,
        live,
        formations.size(),
        filled,
        at(messages, 0.5) / 1e3,
        at(messages, 0.99) / 1e3,
        at(ends, 0.5) / 1e6,
        at(ends, 0.99) / 1e6,
        at(submissions, 0.5) / 1e6,
        at(submissions, 0.99) / 1e6,
        (memory.totalMemory() - memory.freeMemory()) >> 20);
  }

  private static double at(long[] nanos, double share) {
    long[] sorted = nanos.clone();
    Arrays.sort(sorted);
    return sorted[(int) (share * (sorted.length - 1))];
  }

  private static long timed(Runnable work) {
    long start = System.nanoTime();
    work.run();
    return System.nanoTime() - start;
  }

  /** Many small jobs and a few large ones, of fifty users. */
  private void submit() {
    int dice = random.nextInt(100);
    int ranks = dice < 50 ? 1 : dice < 70 ? 2 : dice < 85 ? 6 : dice < 96 ? 16 : 64;
    ResolvedJob job =
        specs.computeIfAbsent(
            ranks, n -> JobReader.read("job", JOB, List.of("parallel.workers=" + n)));
    String user = "user-" + (int) (50 * Math.pow(random.nextDouble(), 2));
    Path run = runs.resolve("run-" + ++submitted);
    control.submit(new JobSubmission(job.spec(), job.yaml(), run, user, 0));
    live++;
  }

  private String someFormation() {
    List<String> all = new ArrayList<>(formations.keySet());
    return all.get(random.nextInt(all.size()));
  }

  private void committed(String job) {
    StartRanks formation = formations.get(job);
    tell(
        new FromRank(
            places.get(job).get(0),
            job,
            formation.stamp().generation(),
            0,
            new RankReport.Committed(3, Cursor.START, 100, 1, 1, 1, 0, 0, 0)));
  }

  /** All ranks of a job finish and end. */
  private void end(String job) {
    StartRanks formation = formations.remove(job);
    List<String> agents = places.remove(job);
    long generation = formation.stamp().generation();
    RankReport finished =
        new RankReport.Finished(
            new Progress(5, new Cursor(0, 500)), 0, false, Map.of(), "aa", Double.NaN);
    for (int rank = 0; rank < agents.size(); rank++) {
      tell(new FromRank(agents.get(rank), job, generation, rank, finished));
    }
    for (int rank = 0; rank < agents.size(); rank++) {
      RankExit exit = new RankExit(rank + 1L, 0, true, "exit code 0", List.of());
      tell(new RankExited(agents.get(rank), job, generation, rank, exit));
    }
    live--;
  }

  /** As the coordinator's actor does: then it asks when to wake. */
  private void tell(AgentToCoordinator message) {
    control.onMessage(message);
    control.nextDeadline();
  }

  /** What agents have to say is heard. */
  private void settle() {
    while (!said.isEmpty()) {
      tell(said.poll());
    }
  }

  private void obey(String agent, CoordinatorToAgent command) {
    if (command instanceof StartRanks start) {
      String job = start.jobId();
      formations.put(job, start);
      List<String> there = places.computeIfAbsent(job, j -> new ArrayList<>());
      long generation = start.stamp().generation();
      for (int rank : start.ranks()) {
        while (there.size() <= rank) {
          there.add("");
        }
        there.set(rank, agent);
        said.add(new RankStarted(agent, job, generation, rank, rank + 1L));
        said.add(
            new FromRank(
                agent,
                job,
                generation,
                rank,
                new RankReport.Ready(Progress.START, "", 20, 10, 2, 1000)));
      }
    }
  }

  /** A disk that takes no time. */
  private static final class MemoryStore implements JobStore {
    private final Map<String, JobRecord> jobs = new HashMap<>();

    @Override
    public long raiseTerm(long floor) {
      return floor + 1;
    }

    @Override
    public void put(JobRecord job) {
      jobs.put(job.jobId(), job);
    }

    @Override
    public void remove(String jobId) {
      jobs.remove(jobId);
    }

    @Override
    public List<JobRecord> jobs() {
      return List.copyOf(jobs.values());
    }

    @Override
    public void close() {}
  }
}
