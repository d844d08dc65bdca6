package dev.trireme.launcher.cli.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.chaos.RunningRanks.NotSureException;
import dev.trireme.launcher.cli.chaos.RunningRanks.Standing;
import dev.trireme.launcher.control.ControlClient;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code trireme chaos}. */
@Command(
    name = "chaos",
    header = "Kills, freezes or slows ranks of a running job, to show what it survives.",
    description = {
      "Touches only processes that are shown to be ranks of that job, on this host. Each line says"
          + " what was done, and how long after it the job had noticed, left its collectives, formed"
          + " anew, restored its state, and committed a step. The same seed does the same things."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme chaos runs/first                                   kills a rank, drawn at random",
      "  trireme chaos runs/first --kind freeze --rank 1 --lasting 15s",
      "  trireme chaos runs/first --kill-every 60s --for 10m --seed 7",
      "  trireme chaos runs/first --rank 0 --at-step 500",
    })
public final class ChaosCommand implements Callable<Integer> {
  private static final Duration RECOVERY = Duration.ofMinutes(2);
  private static final Duration SETTLE = Duration.ofSeconds(30);

  @Parameters(index = "0", paramLabel = "RUN_DIR", description = "The directory of the run.")
  private Path run;

  @Option(
      names = "--kind",
      paramLabel = "KIND",
      description = "kill (as it is by default), freeze or slow.")
  private String kind = "kill";

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
      description =
          "How long a rank is frozen or slow, if it is not replaced before: ${DEFAULT-VALUE}.")
  private String lasting = "20s";

  @Option(names = "--seed", paramLabel = "N", description = "Of all draws; printed when absent.")
  private Long seed;

  @Option(names = "--json", description = "Prints JSON at the end.")
  private boolean json;

  private final Console console;
  private final List<ChaosRecord> records = new ArrayList<>();
  private RunEvents events;
  private RunningRanks ranks;

  /** A command that writes there. */
  public ChaosCommand(Console console) {
    this.console = console;
  }

  /** An option that cannot be meant. */
  private static final class UsageException extends Exception {
    private static final long serialVersionUID = 1L;

    UsageException(String message) {
      super(message);
    }
  }

  @Override
  public Integer call() throws InterruptedException {
    events = new RunEvents(run);
    ranks = new RunningRanks(run, events);
    try {
      return harm(kind(), plan());
    } catch (UsageException | NotSureException | ControlClient.RefusedException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.USAGE;
    } catch (ControlClient.UnreachableException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.UNREACHABLE;
    } catch (IOException e) {
      console.err().println("trireme: cannot read what the run tells: " + e.getMessage());
      return ExitCode.FAILED;
    }
  }

  private ChaosPlan plan() throws UsageException {
    if (every == null && forTime != null || every != null && atStep != null) {
      throw new UsageException(
          forTime != null && every == null
              ? "--for needs --every: how often?"
              : "--at-step happens once: leave --every out");
    }
    if (rank != null && rank < 0 || atStep != null && atStep < 1) {
      throw new UsageException("expected --rank of 0 or more and --at-step of 1 or more");
    }
    long drawn = seed == null ? new Random().nextInt(1_000_000) : seed;
    Optional<Duration> mean =
        every == null ? Optional.empty() : Optional.of(duration("--every", every));
    if (seed == null && (mean.isPresent() || rank == null)) {
      console.err().println("seed " + drawn);
    }
    return new ChaosPlan(drawn, mean, rank == null ? OptionalInt.empty() : OptionalInt.of(rank));
  }

  private HarmKind kind() throws UsageException {
    for (HarmKind one : HarmKind.values()) {
      if (one.name().equalsIgnoreCase(kind)) {
        return one;
      }
    }
    throw new UsageException(
        "--kind: expected kill, freeze or slow, found '"
            + kind
            + "' (this command neither cuts links nor fills disks: it touches processes only)");
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

  private int harm(HarmKind what, ChaosPlan plan)
      throws UsageException,
          NotSureException,
          ControlClient.UnreachableException,
          ControlClient.RefusedException,
          IOException,
          InterruptedException {
    Duration lasts = duration("--lasting", lasting);
    long begin = System.nanoTime();
    long end =
        begin + (forTime == null ? Duration.ofDays(365) : duration("--for", forTime)).toNanos();
    long next = begin;
    requireRunning();
    awaitStep(atStep == null ? OptionalLong.empty() : OptionalLong.of(atStep));
    boolean once = plan.every().isEmpty();
    boolean wellSoFar = true;
    for (int number = 0; wellSoFar && (once ? number < 1 : true); number++) {
      next += plan.wait(number).toNanos();
      if (next > end || !sleepUntil(next)) {
        break;
      }
      ChaosRecord record = one(number, what, plan, lasts);
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

  private void requireRunning()
      throws ControlClient.UnreachableException,
          ControlClient.RefusedException,
          NotSureException,
          InterruptedException {
    if (!awaitRunning()) {
      throw new NotSureException(
          "the job is " + ranks.standing().state() + " and not RUNNING: nothing was done");
    }
  }

  /** Between two formations there is nobody to be sure of. */
  private boolean awaitRunning()
      throws ControlClient.UnreachableException,
          ControlClient.RefusedException,
          InterruptedException {
    long end = System.nanoTime() + SETTLE.toNanos();
    while (!ranks.standing().isRunning()) {
      if (System.nanoTime() > end) {
        return false;
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
    return true;
  }

  private void awaitStep(OptionalLong step)
      throws ControlClient.UnreachableException, IOException, InterruptedException {
    while (step.isPresent() && events.step() < step.getAsLong()) {
      ControlClient.of(run); // It must still be there.
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  /** Sleeps; false when the run is over before. */
  private boolean sleepUntil(long nanos) throws InterruptedException {
    while (System.nanoTime() < nanos) {
      try {
        ControlClient.of(run);
      } catch (ControlClient.UnreachableException e) {
        console.err().println("the run is over");
        return false;
      }
      TimeUnit.NANOSECONDS.sleep(
          Math.max(1, Math.min(nanos - System.nanoTime(), TimeUnit.MILLISECONDS.toNanos(200))));
    }
    return true;
  }

  private ChaosRecord one(int number, HarmKind what, ChaosPlan plan, Duration lasts)
      throws NotSureException,
          ControlClient.UnreachableException,
          ControlClient.RefusedException,
          IOException,
          InterruptedException {
    requireRunning();
    Standing standing = ranks.standing();
    int victim = plan.rank(number, standing.worldSize());
    ProcessHandle process = ranks.process(victim, standing);
    Instant at = Instant.now();
    Harm.inflict(what, process, lasts, () -> events.since("failure", at).isPresent());
    Optional<JsonNode> failure = Optional.empty();
    Optional<JsonNode> recovered = Optional.empty();
    boolean certain = what == HarmKind.KILL;
    long end = System.nanoTime() + (certain ? RECOVERY : Duration.ofSeconds(2)).toNanos();
    while (System.nanoTime() < end && recovered.isEmpty()) {
      boolean noticed = failure.isPresent();
      failure = events.since("failure", at);
      if (failure.isPresent() && !noticed) {
        end = System.nanoTime() + RECOVERY.toNanos();
      }
      if (failure.isPresent()) {
        recovered = events.since("recovered", RunEvents.time(failure.get()));
      }
      if (events.since("ended", at).isPresent()) {
        break;
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
    return new ChaosRecord(
        number, what, victim, process.pid(), standing.generation(), at, failure, recovered);
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
