package dev.trireme.launcher.cli.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.cluster.ClusterOptions.UnknownClusterException;
import dev.trireme.launcher.cli.job.JobTarget;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.launcher.control.JobChannel;
import dev.trireme.protocol.HarmKind;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code trireme chaos}. */
@Command(
    name = "chaos",
    header = "Harms a running job on purpose, to show what it survives.",
    description = {
      "The agent of the job's ranks does it, to processes that are its own, and takes back what"
          + " lasts: when its time is over, and when the agent itself ends. Each line says what was"
          + " done, and how long after it the job had noticed, left its collectives, formed anew,"
          + " restored its state, and committed a step. The same seed does the same things. What a"
          + " machine cannot do is refused with the reason."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme chaos runs/first                                   kills a rank, drawn at random",
      "  trireme chaos job-7 --kill-rank 0 --at-step 500            a job of a cluster",
      "  trireme chaos runs/first --stop 1 --lasting 15s",
      "  trireme chaos runs/first --fill-disk --lasting 30s",
      "  trireme chaos runs/first --kill-every 60s --for 10m --seed 7",
      "  trireme chaos runs/first --kind any --every 60s --for 1h --lasting 10s",
    })
public final class ChaosCommand implements Callable<Integer> {
  private static final int ATTEMPTS = 5;
  private static final Set<String> FINAL = Set.of("SUCCEEDED", "FAILED", "CANCELLED");
  private static final Duration RECOVERY = Duration.ofMinutes(2);
  private static final Duration SETTLE = Duration.ofSeconds(30);
  private static final Duration NOTICE = Duration.ofSeconds(2);

  @Mixin private JobTarget target;

  @ArgGroup(exclusive = true)
  private HarmOptions what = new HarmOptions();

  @Option(names = "--rank", paramLabel = "N", description = "Whom; drawn each time when absent.")
  private Integer rank;

  @Option(
      names = {"--every", "--kill-every"},
      paramLabel = "TIME",
      description = "Again and again, with half to one and a half of that between two.")
  private String every;

  @Option(names = "--for", paramLabel = "TIME", description = "How long to go on; needs --every.")
  private String forTime;

  @Option(
      names = "--at-step",
      paramLabel = "S",
      description = "Once, as soon as the metrics tell of this step.")
  private Long atStep;

  @Option(
      names = "--lasting",
      paramLabel = "TIME",
      description = "How long what is not a kill lasts, at most 1h: ${DEFAULT-VALUE}.")
  private String lasting = "20s";

  @Option(names = "--seed", paramLabel = "N", description = "Of all draws; printed when absent.")
  private Long seed;

  @Option(names = "--json", description = "Prints JSON at the end.")
  private boolean json;

  private final Console console;
  private final List<ChaosRecord> records = new ArrayList<>();
  private JobChannel channel;
  private RunEvents events;

  /** A command that writes there. */
  public ChaosCommand(Console console) {
    this.console = console;
  }

  /** An option that cannot be meant, or nothing that could be done. */
  private static final class UsageException extends Exception {
    private static final long serialVersionUID = 1L;

    UsageException(String message) {
      super(message);
    }
  }

  @Override
  public Integer call() throws InterruptedException {
    try {
      List<HarmKind> kinds = what.kinds();
      if (kinds.isEmpty()) {
        throw new UsageException(what.fault());
      }
      requireSense();
      Duration lasts = duration("--lasting", lasting);
      Optional<Duration> mean =
          every == null ? Optional.empty() : Optional.of(duration("--every", every));
      Duration limit = forTime == null ? Duration.ofDays(365) : duration("--for", forTime);
      channel = target.channel();
      events = new RunEvents(channel);
      awaitRunning();
      if (kinds.size() > 1) {
        kinds = possible(kinds, lasts);
      }
      return harm(plan(mean, kinds), lasts, limit);
    } catch (UsageException | RefusedException | UnknownClusterException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    } catch (UnreachableException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.UNREACHABLE;
    } catch (IOException e) {
      console.err().println("trireme: cannot read what the run tells: " + e.getMessage());
      return ExitCode.FAILED;
    }
  }

  private void requireSense() throws UsageException {
    if (every == null && forTime != null || every != null && atStep != null) {
      throw new UsageException(
          forTime != null && every == null
              ? "--for needs --every: how often?"
              : "--at-step happens once: leave --every out");
    }
    if (what.rank() != null && rank != null) {
      throw new UsageException("the rank is named twice: leave --rank out");
    }
    rank = what.rank() != null ? what.rank() : rank;
    if (rank != null && rank < 0 || atStep != null && atStep < 1) {
      throw new UsageException("expected a rank of 0 or more and --at-step of 1 or more");
    }
  }

  private ChaosPlan plan(Optional<Duration> mean, List<HarmKind> kinds) {
    long drawn = seed == null ? new Random().nextInt(1_000_000) : seed;
    if (seed == null && (mean.isPresent() || rank == null || kinds.size() > 1)) {
      console.err().println("seed " + drawn);
    }
    return new ChaosPlan(
        drawn, mean, rank == null ? OptionalInt.empty() : OptionalInt.of(rank), kinds);
  }

  private static Duration duration(String option, String text) throws UsageException {
    if (!text.matches("[0-9]{1,6}(ms|s|m|h)")) {
      throw new UsageException(
          option + ": expected a time as 500ms, 60s, 10m or 1h, found '" + text + "'");
    }
    String unit = text.replaceAll("[0-9]", "");
    ChronoUnit of =
        switch (unit) {
          case "ms" -> ChronoUnit.MILLIS;
          case "s" -> ChronoUnit.SECONDS;
          case "m" -> ChronoUnit.MINUTES;
          default -> ChronoUnit.HOURS;
        };
    return Duration.of(Long.parseLong(text.substring(0, text.length() - unit.length())), of);
  }

  /** Those that the machine can do; the others are named with the reason. */
  private List<HarmKind> possible(List<HarmKind> kinds, Duration lasts)
      throws UnreachableException, UsageException {
    List<HarmKind> possible = new ArrayList<>();
    for (HarmKind kind : kinds) {
      try {
        channel.harm(kind, rank == null ? 0 : rank, lasts, true);
        possible.add(kind);
      } catch (RefusedException e) {
        console.err().println("not " + kind.word() + ": " + e.getMessage());
      }
    }
    if (possible.isEmpty()) {
      throw new UsageException("nothing can be done to this job: see above");
    }
    return possible;
  }

  private int harm(ChaosPlan plan, Duration lasts, Duration limit)
      throws UnreachableException, RefusedException, IOException, InterruptedException {
    long next = System.nanoTime();
    long end = next + limit.toNanos();
    awaitStep();
    boolean once = plan.every().isEmpty();
    boolean wellSoFar = true;
    for (int number = 0; wellSoFar && (!once || number < 1); number++) {
      next += plan.wait(number).toNanos();
      if (next > end || !sleepUntil(next)) {
        break;
      }
      ChaosRecord record = one(number, plan, lasts);
      records.add(record);
      if (!json) {
        console.out().println(record.at().truncatedTo(ChronoUnit.MILLIS) + " " + record);
        console.out().flush();
      }
      wellSoFar = record.failure().isEmpty() || record.recovered().isPresent();
    }
    if (json) {
      ArrayNode array = JsonNodeFactory.instance.arrayNode();
      records.forEach(r -> array.add(r.json()));
      console.out().println(array.toPrettyString());
    } else if (records.size() > 1) {
      summarize();
    }
    return wellSoFar ? ExitCode.DONE : ExitCode.FAILED;
  }

  /** Between two formations there is nobody to harm. Returns how the job stands after a while. */
  private JsonNode awaitRunning()
      throws UnreachableException, RefusedException, InterruptedException {
    long end = System.nanoTime() + SETTLE.toNanos();
    JsonNode job = channel.show();
    while (!isRunning(job) && !isOver(job) && System.nanoTime() < end) {
      TimeUnit.MILLISECONDS.sleep(100);
      job = channel.show();
    }
    return job;
  }

  private static boolean isRunning(JsonNode job) {
    return job.path("state").asText().equals("RUNNING");
  }

  private static boolean isOver(JsonNode job) {
    return FINAL.contains(job.path("state").asText());
  }

  /** Whether there is nobody to harm any more. */
  private boolean isOver() {
    try {
      return isOver(channel.show());
    } catch (UnreachableException | RefusedException e) {
      return true;
    }
  }

  private void awaitStep()
      throws UnreachableException, RefusedException, IOException, InterruptedException {
    long look = System.nanoTime();
    while (atStep != null && events.step() < atStep) {
      if (System.nanoTime() - look > 0) {
        if (isOver()) {
          return;
        }
        look += TimeUnit.MILLISECONDS.toNanos(500);
      }
      TimeUnit.MILLISECONDS.sleep(pace());
    }
  }

  /** A file is read more often than a cluster is asked. */
  private long pace() {
    return target.isRun() ? 20 : 200;
  }

  /** Sleeps; false when the run is over before. */
  private boolean sleepUntil(long nanos) throws InterruptedException {
    while (System.nanoTime() < nanos) {
      if (isOver()) {
        console.err().println("the run is over");
        return false;
      }
      TimeUnit.NANOSECONDS.sleep(
          Math.max(1, Math.min(nanos - System.nanoTime(), TimeUnit.MILLISECONDS.toNanos(500))));
    }
    return true;
  }

  /** A refusal because the formation changes just now is none. */
  private JsonNode inflict(int number, HarmKind kind, ChaosPlan plan, Duration lasts)
      throws UnreachableException, RefusedException, InterruptedException {
    JsonNode job = awaitRunning();
    for (int attempt = 1; ; attempt++) {
      try {
        int victim = plan.rank(number, Math.max(1, job.path("worldSize").asInt()));
        return channel.harm(kind, victim, lasts, false);
      } catch (RefusedException e) {
        job = channel.show();
        if (isRunning(job) || isOver(job) || attempt == ATTEMPTS) {
          throw e;
        }
        job = awaitRunning();
      }
    }
  }

  private ChaosRecord one(int number, ChaosPlan plan, Duration lasts)
      throws UnreachableException, RefusedException, IOException, InterruptedException {
    HarmKind kind = plan.kind(number);
    JsonNode done = inflict(number, kind, plan, lasts);
    Instant at = RunEvents.time(done);
    boolean certain = kind == HarmKind.KILL;
    long end = System.nanoTime() + (certain ? RECOVERY : lasts.plus(NOTICE)).toNanos();
    Optional<JsonNode> failure = Optional.empty();
    Optional<JsonNode> recovered = Optional.empty();
    while (System.nanoTime() < end && recovered.isEmpty()) {
      boolean noticed = failure.isPresent();
      failure = failure(kind, at);
      if (failure.isPresent() && !noticed) {
        end = System.nanoTime() + lasts.plus(RECOVERY).toNanos();
      }
      if (failure.isPresent()) {
        recovered = recovered(kind, RunEvents.time(failure.get()));
      }
      if (events.since("ended", at, e -> true).isPresent()) {
        break;
      }
      TimeUnit.MILLISECONDS.sleep(pace());
    }
    return new ChaosRecord(
        number,
        kind,
        done.path("rank").asInt(),
        done.path("pid").asLong(),
        done.path("generation").asLong(),
        at,
        done.path("how").asText(),
        failure,
        recovered);
  }

  private Optional<JsonNode> failure(HarmKind kind, Instant since)
      throws UnreachableException, RefusedException, IOException {
    return kind == HarmKind.FILL_DISK
        ? events.since("checkpoint", since, e -> !e.path("committed").asBoolean())
        : events.since("failure", since, e -> true);
  }

  private Optional<JsonNode> recovered(HarmKind kind, Instant since)
      throws UnreachableException, RefusedException, IOException {
    return kind == HarmKind.FILL_DISK
        ? events.since("checkpoint", since, e -> e.path("committed").asBoolean())
        : events.since("recovered", since, e -> true);
  }

  private void summarize() {
    List<Double> stepped =
        records.stream().map(r -> r.until("stepped")).filter(s -> !s.isNaN()).sorted().toList();
    if (!stepped.isEmpty()) {
      console
          .out()
          .printf(
              Locale.ROOT,
              "%d done, %d recovered from; until a step was committed: median %.2f s, worst %.2f s%n",
              records.size(),
              stepped.size(),
              stepped.get(stepped.size() / 2),
              stepped.get(stepped.size() - 1));
    }
  }
}
